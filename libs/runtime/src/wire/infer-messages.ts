import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { oip } from '@perennial/contracts';
import { leave, reading, type WireReader } from './reader.js';
import { WireWriter } from './writer.js';

/** Tags: the field's number times 8, and 2 for what has a length. Numbers are those of inference/grpc_service.proto. */
const text = { first: 10, second: 18, third: 26 } as const;
const message = { inputs: 42, outputs: 50, rawInputs: 58, rawOutputs: 50 } as const;
const shape = { one: 24, packed: 26 } as const;

/** Bytes of names and shapes, mostly. */
const headBytes = 256;

/** As fromBinary; parameters and typed contents are left to it. */
export const decodeInferRequest = reading(readInferRequest, (bytes) =>
  fromBinary(oip.ModelInferRequestSchema, bytes),
);
/** As fromBinary; the same. */
export const decodeInferResponse = reading(readInferResponse, (bytes) =>
  fromBinary(oip.ModelInferResponseSchema, bytes),
);

export function readInferRequest(reader: WireReader): oip.ModelInferRequest {
  const read: oip.ModelInferRequest = {
    $typeName: 'inference.ModelInferRequest',
    modelName: '',
    modelVersion: '',
    id: '',
    parameters: {},
    inputs: [],
    outputs: [],
    rawInputContents: [],
  };
  while (reader.at < reader.end) {
    const tag = reader.varint();
    if (tag === message.inputs) read.inputs.push(readInput(reader.message()));
    else if (tag === message.rawInputs) read.rawInputContents.push(reader.bytes());
    else if (tag === text.first) read.modelName = reader.text();
    else if (tag === text.second) read.modelVersion = reader.text();
    else if (tag === text.third) read.id = reader.text();
    else if (tag === message.outputs) read.outputs.push(readWanted(reader.message()));
    else leave();
  }
  return read;
}

export function readInferResponse(reader: WireReader): oip.ModelInferResponse {
  const read: oip.ModelInferResponse = {
    $typeName: 'inference.ModelInferResponse',
    modelName: '',
    modelVersion: '',
    id: '',
    parameters: {},
    outputs: [],
    rawOutputContents: [],
  };
  while (reader.at < reader.end) {
    const tag = reader.varint();
    if (tag === message.inputs) read.outputs.push(readOutput(reader.message()));
    else if (tag === message.rawOutputs) read.rawOutputContents.push(reader.bytes());
    else if (tag === text.first) read.modelName = reader.text();
    else if (tag === text.second) read.modelVersion = reader.text();
    else if (tag === text.third) read.id = reader.text();
    else leave();
  }
  return read;
}

function readInput(reader: WireReader): oip.ModelInferRequest_InferInputTensor {
  return readTensor(reader, {
    $typeName: 'inference.ModelInferRequest.InferInputTensor',
    name: '',
    datatype: '',
    shape: [],
    parameters: {},
  });
}

function readOutput(reader: WireReader): oip.ModelInferResponse_InferOutputTensor {
  return readTensor(reader, {
    $typeName: 'inference.ModelInferResponse.InferOutputTensor',
    name: '',
    datatype: '',
    shape: [],
    parameters: {},
  });
}

function readTensor<T extends { name: string; datatype: string; shape: bigint[] }>(
  reader: WireReader,
  read: T,
): T {
  while (reader.at < reader.end) {
    const tag = reader.varint();
    if (tag === text.first) read.name = reader.text();
    else if (tag === text.second) read.datatype = reader.text();
    else if (tag === shape.one) read.shape.push(BigInt(reader.varint()));
    else if (tag === shape.packed) {
      const sizes = reader.message();
      while (sizes.at < sizes.end) read.shape.push(BigInt(sizes.varint()));
    } else leave();
  }
  return read;
}

function readWanted(reader: WireReader): oip.ModelInferRequest_InferRequestedOutputTensor {
  let name = '';
  while (reader.at < reader.end) {
    if (reader.varint() !== text.first) leave();
    name = reader.text();
  }
  return { $typeName: 'inference.ModelInferRequest.InferRequestedOutputTensor', name, parameters: {} };
}

/** As toBinary; typed contents and parameters of tensors are left to it. */
export function encodeInferResponse(response: oip.ModelInferResponse): Uint8Array {
  if (!isCommonResponse(response)) return toBinary(oip.ModelInferResponseSchema, response);
  const writer = new WireWriter(headBytes + sizeOf(response.rawOutputContents));
  writeInferResponse(writer, response);
  return writer.finish();
}

export function isCommonResponse({ parameters, outputs }: oip.ModelInferResponse): boolean {
  for (const name in parameters) if (parameters[name]?.parameterChoice.case !== 'stringParam') return false;
  return outputs.every(isCommonTensor);
}

export function isCommonRequest({ parameters, inputs, outputs }: oip.ModelInferRequest): boolean {
  return (
    isEmpty(parameters) && inputs.every(isCommonTensor) && outputs.every((one) => isEmpty(one.parameters))
  );
}

export function writeInferRequest(writer: WireWriter, request: oip.ModelInferRequest): void {
  writer.text(1, request.modelName);
  writer.text(2, request.modelVersion);
  writer.text(3, request.id);
  for (const tensor of request.inputs) writer.message(5, () => writeTensor(writer, tensor));
  for (const { name } of request.outputs) writer.message(6, () => writer.text(1, name));
  for (const bytes of request.rawInputContents) writer.bytes(7, bytes);
}

export function writeInferResponse(writer: WireWriter, response: oip.ModelInferResponse): void {
  writer.text(1, response.modelName);
  writer.text(2, response.modelVersion);
  writer.text(3, response.id);
  for (const name in response.parameters)
    writer.message(4, () => {
      writer.element(1, name);
      const choice = response.parameters[name]?.parameterChoice;
      writer.message(2, () => writer.element(3, String(choice?.value)));
    });
  for (const tensor of response.outputs) writer.message(5, () => writeTensor(writer, tensor));
  for (const bytes of response.rawOutputContents) writer.bytes(6, bytes);
}

type TensorHead = oip.ModelInferRequest_InferInputTensor | oip.ModelInferResponse_InferOutputTensor;

function writeTensor(writer: WireWriter, tensor: TensorHead): void {
  writer.text(1, tensor.name);
  writer.text(2, tensor.datatype);
  writer.packed(3, tensor.shape.map(Number));
}

function isCommonTensor({ contents, parameters, shape: sizes }: TensorHead): boolean {
  return (
    contents === undefined && isEmpty(parameters) && sizes.every((size) => size >= 0n && size < 2n ** 53n)
  );
}

function isEmpty(record: object): boolean {
  for (const _ in record) return false;
  return true;
}

/** Bytes of raw contents, with what stands before each. */
export function sizeOf(contents: readonly Uint8Array[]): number {
  let size = 0;
  for (const { length } of contents) size += length + 8;
  return size;
}
