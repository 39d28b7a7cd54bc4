"""FastAPI with pydantic as people serve a model with it: a typed body, numpy for a linear model, a typed answer."""

import numpy
from fastapi import FastAPI
from pydantic import BaseModel

COLUMNS = 32
WEIGHTS = numpy.linspace(-1, 1, COLUMNS, dtype=numpy.float32).reshape(COLUMNS, 1)


class Tensor(BaseModel):
    name: str
    datatype: str
    shape: list[int]
    data: list[float]


class Request(BaseModel):
    inputs: list[Tensor]


class Answer(BaseModel):
    model_name: str
    model_version: str
    outputs: list[Tensor]


app = FastAPI()


@app.post("/v2/models/{model}/infer", response_model=Answer)
async def infer(model: str, request: Request) -> Answer:
    tensor = request.inputs[0]
    rows = numpy.array(tensor.data, dtype=numpy.float32).reshape(tensor.shape)
    answers = rows @ WEIGHTS
    output = Tensor(name="y", datatype="FP32", shape=list(answers.shape), data=answers.ravel().tolist())
    return Answer(model_name=model, model_version="1", outputs=[output])
