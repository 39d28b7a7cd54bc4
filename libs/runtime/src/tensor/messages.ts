import { create } from '@bufbuild/protobuf';
import { oip } from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import { readContents, writeContents } from './contents.js';
import { readRaw, writeRaw } from './raw.js';
import { isDatatype, type Tensor } from './tensor.js';

/**
 * The inputs of a gRPC request, from raw or typed contents.
 *
 * @throws PlatformError TENSOR_*, with the texts that the protocol's clients look for
 */
export function inputsOf(request: oip.ModelInferRequest): Tensor[] {
  const model = request.modelName;
  const raw = request.rawInputContents;
  if (raw.length > 0) {
    const both = request.inputs.find((input) => input.contents !== undefined);
    if (both) {
      throw invalid(
        'TENSOR_DATA_INVALID',
        `contents field must not be specified when using raw_input_contents for '${both.name}' for model '${model}'`,
        { field: both.name },
      );
    }
    if (raw.length !== request.inputs.length) {
      throw invalid(
        'TENSOR_DATA_INVALID',
        `the number of inputs (${request.inputs.length}) does not match the expected number of raw input contents (${raw.length}) for model '${model}'.`,
        { field: 'raw_input_contents' },
      );
    }
  }
  return request.inputs.map((input, at) => {
    const { name, datatype } = input;
    if (!isDatatype(datatype)) {
      throw invalid(
        'TENSOR_DATATYPE_INVALID',
        `input '${name}' has the unknown datatype '${datatype}'; see the protocol for the list`,
        { field: name },
      );
    }
    const place = { name, datatype, shape: input.shape.map(Number), model };
    const bytes = raw[at];
    if (bytes) return readRaw(place, bytes);
    if (input.contents) return readContents(place, input.contents);
    // An empty tensor has no contents on the wire.
    return readRaw(place, new Uint8Array());
  });
}

/** A request with raw contents. */
export function requestOf(
  inputs: readonly Tensor[],
  head: { modelName: string; modelVersion?: string; id?: string; outputs?: readonly string[] },
): oip.ModelInferRequest {
  // Written out: create() looks every field up, which takes longer than all the rest.
  return {
    $typeName: 'inference.ModelInferRequest',
    modelName: head.modelName,
    modelVersion: head.modelVersion ?? '',
    id: head.id ?? '',
    parameters: {},
    inputs: inputs.map(({ name, datatype, shape }) => ({
      $typeName: 'inference.ModelInferRequest.InferInputTensor',
      name,
      datatype,
      shape: shape.map(BigInt),
      parameters: {},
    })),
    outputs: (head.outputs ?? []).map((name) => ({
      $typeName: 'inference.ModelInferRequest.InferRequestedOutputTensor',
      name,
      parameters: {},
    })),
    rawInputContents: inputs.map(({ data }) => writeRaw(data)),
  };
}

/** A response with raw contents, or typed ones where that is asked for and can be. */
export function responseOf(
  outputs: readonly Tensor[],
  head: { modelName: string; modelVersion: string; id: string; typed?: boolean },
): oip.ModelInferResponse {
  const typed = head.typed === true && outputs.every(({ datatype }) => !/^B?FP?16$/.test(datatype));
  return {
    $typeName: 'inference.ModelInferResponse',
    modelName: head.modelName,
    modelVersion: head.modelVersion,
    id: head.id,
    parameters: {},
    outputs: outputs.map((tensor) => outputOf(tensor, typed ? writeContents(tensor) : undefined)),
    rawOutputContents: typed ? [] : outputs.map(({ data }) => writeRaw(data)),
  };
}

function outputOf(
  { name, datatype, shape }: Tensor,
  contents: ReturnType<typeof writeContents>,
): oip.ModelInferResponse_InferOutputTensor {
  return {
    $typeName: 'inference.ModelInferResponse.InferOutputTensor',
    name,
    datatype,
    shape: shape.map(BigInt),
    parameters: {},
    ...(contents && { contents: create(oip.InferTensorContentsSchema, contents) }),
  };
}

/** The outputs of a response with raw contents, as our replicas answer. */
export function outputsOf(response: oip.ModelInferResponse): Tensor[] {
  return response.outputs.map((output, at) => {
    const { name, datatype } = output;
    const bytes = response.rawOutputContents[at];
    if (!isDatatype(datatype) || !bytes) {
      throw invalid('TENSOR_DATATYPE_INVALID', `output '${name}' of a replica has no raw contents`, {
        field: name,
      });
    }
    return readRaw({ name, datatype, shape: output.shape.map(Number), model: response.modelName }, bytes);
  });
}
