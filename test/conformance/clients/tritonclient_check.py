"""Asks a server as the clients of Python's tritonclient do: both transports, raw and JSON tensors, every description.

Prints one line for each thing that held; any failure ends it with a traceback.
Usage: tritonclient_check.py <host:port of HTTP> <host:port of gRPC> <token>
"""

import sys

import numpy as np
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from tritonclient.utils import InferenceServerException

http_url, grpc_url, token = sys.argv[1:4]


def headers():
    """A new one for each call: the client writes its own into it."""
    return {"authorization": "Bearer " + token} if token else {}


def held(what):
    print("held: " + what)


def inputs_of(module, arrays, **kwargs):
    inputs = []
    for name, array, datatype in arrays:
        one = module.InferInput(name, list(array.shape), datatype)
        one.set_data_from_numpy(array, **kwargs)
        inputs.append(one)
    return inputs


def numbers():
    a = np.arange(32, dtype=np.int32).reshape(2, 16)
    b = np.ones((2, 16), dtype=np.int32)
    return a, b


def check_describe(client, name):
    assert client.is_server_live(headers=headers())
    assert client.is_server_ready(headers=headers())
    assert client.is_model_ready("add_sub", headers=headers())
    assert not client.is_model_ready("add_sub", "987654", headers=headers())
    held(name + " health")


def check_http():
    client = httpclient.InferenceServerClient(http_url, concurrency=4)
    check_describe(client, "http")
    metadata = client.get_model_metadata("add_sub", headers=headers())
    assert [one["name"] for one in metadata["inputs"]] == ["INPUT0", "INPUT1"], metadata
    config = client.get_model_config("add_sub", headers=headers())
    assert config["input"][0]["data_type"] == "TYPE_INT32", config
    statistics = client.get_inference_statistics("add_sub", headers=headers())
    assert statistics["model_stats"][0]["name"] == "add_sub", statistics
    index = client.get_model_repository_index(headers=headers())
    assert any(one["name"] == "add_sub" and one["state"] == "READY" for one in index), index
    held("http descriptions")

    a, b = numbers()
    for binary in (True, False):
        inputs = inputs_of(httpclient, [("INPUT0", a, "INT32"), ("INPUT1", b, "INT32")], binary_data=binary)
        outputs = [httpclient.InferRequestedOutput(name, binary_data=binary) for name in ("OUTPUT0", "OUTPUT1")]
        result = client.infer("add_sub", inputs, outputs=outputs, request_id="r1", headers=headers())
        assert result.get_response()["id"] == "r1"
        assert (result.as_numpy("OUTPUT0") == a + b).all()
        assert (result.as_numpy("OUTPUT1") == a - b).all()
        held("http infer binary=%s" % binary)

    for request in ("gzip", "deflate"):
        inputs = inputs_of(httpclient, [("INPUT0", a, "INT32"), ("INPUT1", b, "INT32")])
        result = client.infer(
            "add_sub", inputs, headers=headers(),
            request_compression_algorithm=request, response_compression_algorithm=request,
        )
        assert (result.as_numpy("OUTPUT0") == a + b).all()
        held("http infer compressed by " + request)

    scores = np.array([[0.1, 0.7, 0.2, 0.0]], dtype=np.float32)
    result = client.infer(
        "scores", inputs_of(httpclient, [("INPUT0", scores, "FP32")]),
        outputs=[httpclient.InferRequestedOutput("OUTPUT0", class_count=2)], headers=headers(),
    )
    assert result.as_numpy("OUTPUT0").reshape(-1)[0].startswith(b"0.700000:1"), result.as_numpy("OUTPUT0")
    held("http classification")

    many = client.async_infer("add_sub", inputs_of(httpclient, [("INPUT0", a, "INT32"), ("INPUT1", b, "INT32")]), headers=headers())
    assert (many.get_result().as_numpy("OUTPUT0") == a + b).all()
    held("http async")

    try:
        client.infer("no_such_model", inputs_of(httpclient, [("INPUT0", a, "INT32")]), headers=headers())
        raise SystemExit("an unknown model was answered")
    except InferenceServerException as error:
        assert "unknown model" in error.message(), error
        held("http error")
    client.close()


def check_datatypes(client, module, name):
    for datatype, array in [
        ("BOOL", np.array([[True, False]])),
        ("UINT8", np.array([[0, 255]], dtype=np.uint8)),
        ("INT64", np.array([[-(2**63), 2**63 - 1]], dtype=np.int64)),
        ("UINT64", np.array([[0, 2**64 - 1]], dtype=np.uint64)),
        ("FP16", np.array([[0.5, -2]], dtype=np.float16)),
        ("FP64", np.array([[0.1, np.nan]], dtype=np.float64)),
        ("BYTES", np.array([["naïve".encode(), b"b"]], dtype=np.object_)),
    ]:
        result = client.infer("identity_" + datatype.lower(), inputs_of(module, [("INPUT0", array, datatype)]), headers=headers())
        given = result.as_numpy("OUTPUT0")
        assert given.dtype == array.dtype and given.tobytes() == array.tobytes() or (given == array).all(), (datatype, given)
    held(name + " datatypes")


def check_grpc():
    client = grpcclient.InferenceServerClient(grpc_url)
    check_describe(client, "grpc")
    metadata = client.get_model_metadata("add_sub", headers=headers())
    assert [one.name for one in metadata.inputs] == ["INPUT0", "INPUT1"], metadata
    config = client.get_model_config("add_sub", headers=headers()).config
    assert config.input[0].name == "INPUT0", config
    statistics = client.get_inference_statistics("add_sub", headers=headers())
    assert statistics.model_stats[0].name == "add_sub", statistics
    index = client.get_model_repository_index(headers=headers())
    assert any(one.name == "add_sub" and one.state == "READY" for one in index.models), index
    held("grpc descriptions")

    a, b = numbers()
    inputs = inputs_of(grpcclient, [("INPUT0", a, "INT32"), ("INPUT1", b, "INT32")])
    result = client.infer("add_sub", inputs, request_id="r1", headers=headers())
    assert result.get_response().id == "r1"
    assert (result.as_numpy("OUTPUT0") == a + b).all()
    held("grpc infer")
    check_datatypes(client, grpcclient, "grpc")

    import queue

    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)), headers=headers())
    for at in range(20):
        client.async_stream_infer("add_sub", inputs, request_id="s%d" % at)
    for at in range(20):
        result, error = answers.get(timeout=30)
        assert error is None, error
        assert result.get_response().id == "s%d" % at
    client.stop_stream()
    held("grpc stream")

    try:
        client.infer("no_such_model", inputs, headers=headers())
        raise SystemExit("an unknown model was answered")
    except InferenceServerException as error:
        assert "unknown model" in error.message() and "NOT_FOUND" in str(error.status()), error
        held("grpc error")
    client.close()


check_http()
http = httpclient.InferenceServerClient(http_url)
check_datatypes(http, httpclient, "http")
http.close()
check_grpc()
