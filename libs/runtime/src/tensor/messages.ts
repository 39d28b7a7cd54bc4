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
  return create(oip.ModelInferRequestSchema, {
    modelName: head.modelName,
    modelVersion: head.modelVersion ?? '',
    id: head.id ?? '',
    inputs: inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(BigInt) })),
    outputs: (head.outputs ?? []).map((name) => ({ name })),
    rawInputContents: inputs.map(({ data }) => writeRaw(data)),
  });
}

/** A response with raw contents, or typed ones where that is asked for and can be. */
export function responseOf(
  outputs: readonly Tensor[],
  head: { modelName: string; modelVersion: string; id: string; typed?: boolean },
): oip.ModelInferResponse {
  const typed = head.typed === true && outputs.every(({ datatype }) => !/^B?FP?16$/.test(datatype));
  return create(oip.ModelInferResponseSchema, {
    modelName: head.modelName,
    modelVersion: head.modelVersion,
    id: head.id,
    outputs: outputs.map((tensor) => {
      const contents = typed ? writeContents(tensor) : undefined;
      return {
        name: tensor.name,
        datatype: tensor.datatype,
        shape: tensor.shape.map(BigInt),
        ...(contents && { contents: create(oip.InferTensorContentsSchema, contents) }),
      };
    }),
    rawOutputContents: typed ? [] : outputs.map(({ data }) => writeRaw(data)),
  });
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
