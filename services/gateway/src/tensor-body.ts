import { invalid } from '@perennial/kernel';
import {
  isDatatype,
  parseExact,
  readJson,
  readRaw,
  type Tensor,
  writeJson,
  writeRaw,
} from '@perennial/runtime';

/** An inference request of the Open Inference Protocol, whatever it came over. */
export interface InferenceAsk {
  readonly id: string;
  readonly inputs: Tensor[];
  /** Empty: all outputs. */
  readonly outputNames: readonly string[];
  readonly outputs: readonly RequestedOutput[];
  /** Outputs that say nothing themselves are sent as bytes. */
  readonly isBinary: boolean;
  /** The parameter `event_time`: the moment as of which the platform adds features. */
  readonly eventTime: string | undefined;
}

export interface RequestedOutput {
  readonly name: string;
  readonly isBinary: boolean | undefined;
}

interface JsonInput {
  name?: unknown;
  datatype?: unknown;
  shape?: unknown;
  data?: unknown;
  parameters?: Record<string, unknown>;
}

/**
 * Reads a body: JSON, and with the binary tensor extension the tensors' bytes behind it.
 *
 * @param headerLength value of Inference-Header-Content-Length, or undefined where the whole body is JSON
 * @throws PlatformError INFER_BODY_INVALID and TENSOR_*, with the words that the protocol's clients look for
 */
export function readInferenceBody(
  body: Uint8Array,
  headerLength: string | undefined,
  model: string,
): InferenceAsk {
  const length = headerLength === undefined ? body.byteLength : Number(headerLength);
  if (!Number.isInteger(length) || length < 0 || length > body.byteLength) {
    throw wrong(
      'Inference-Header-Content-Length',
      `inference header size should be in range (0, ${body.byteLength}), got: ${headerLength}`,
    );
  }
  const json = jsonObject(body.subarray(0, length));
  const parameters = (json['parameters'] ?? {}) as Record<string, unknown>;
  const eventTime = parameters['event_time'];
  if (eventTime !== undefined && typeof eventTime !== 'string')
    throw wrong('parameters.event_time', 'parameters.event_time must be a text such as "2012-04-01"');
  const id = json['id'] ?? '';
  if (typeof id !== 'string') throw wrong('id', 'id must be a text');
  const outputs = readOutputs(json['outputs']);
  return {
    id,
    inputs: readInputs(json['inputs'], body.subarray(length), model),
    outputNames: outputs.map(({ name }) => name),
    outputs,
    isBinary: parameters['binary_data_output'] === true,
    eventTime,
  };
}

function jsonObject(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseExact(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch (cause) {
    throw invalid(
      'INFER_BODY_INVALID',
      `failed to parse the request JSON buffer: ${(cause as Error).message}`,
      {
        cause,
        field: 'body',
      },
    );
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw wrong('body', 'the body must be a JSON object with inputs');
}

function readInputs(list: unknown, tail: Uint8Array, model: string): Tensor[] {
  if (!Array.isArray(list)) throw wrong('inputs', 'inputs must be a list of tensors');
  let rest = tail;
  const tensors = (list as JsonInput[]).map((input, at) => {
    const place = placeOf(input ?? {}, at, model);
    const size = input.parameters?.['binary_data_size'];
    if ((size === undefined) === (input.data === undefined)) {
      throw wrong(
        place.name,
        `Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', for input '${place.name}'`,
      );
    }
    if (size === undefined) return readJson({ ...place, data: input.data });
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 0 || size > rest.byteLength) {
      throw wrong(
        place.name,
        `unexpected size for input '${place.name}', expecting ${Number(size) - rest.byteLength} additional bytes for model '${model}'`,
      );
    }
    const bytes = rest.subarray(0, size);
    rest = rest.subarray(size);
    return readRaw(place, bytes);
  });
  if (rest.byteLength > 0)
    throw wrong('body', `unexpected additional input data for model '${model}': ${rest.byteLength} bytes`);
  return tensors;
}

function placeOf({ name, datatype, shape }: JsonInput, at: number, model: string) {
  if (typeof name !== 'string' || name === '')
    throw wrong(`inputs[${at}].name`, `inputs[${at}].name must be a text`);
  if (typeof datatype !== 'string' || !isDatatype(datatype))
    throw wrong(name, `input '${name}' has the unknown datatype '${String(datatype)}'`);
  if (!Array.isArray(shape))
    throw wrong(name, `Unable to parse 'shape' of input '${name}': it must be a list`);
  return { name, datatype, shape: shape.map(Number), model };
}

function readOutputs(list: unknown): RequestedOutput[] {
  if (list === undefined) return [];
  if (!Array.isArray(list)) throw wrong('outputs', 'outputs must be a list of names');
  return (list as { name?: unknown; parameters?: Record<string, unknown> }[]).map((output, at) => {
    const name = output?.name;
    if (typeof name !== 'string') throw wrong(`outputs[${at}].name`, `outputs[${at}].name must be a text`);
    const isBinary = output.parameters?.['binary_data'];
    return { name, isBinary: typeof isBinary === 'boolean' ? isBinary : undefined };
  });
}

/**
 * The outputs that were asked for, in the order of the asking.
 *
 * @throws PlatformError OUTPUT_UNKNOWN
 */
export function pickOutputs(
  outputs: readonly Tensor[],
  names: readonly string[],
  model: string,
): readonly Tensor[] {
  if (names.length === 0) return outputs;
  return names.map((name) => {
    const found = outputs.find((output) => output.name === name);
    if (found) return found;
    throw invalid('OUTPUT_UNKNOWN', `unexpected inference output '${name}' for model '${model}'`, {
      field: name,
    });
  });
}

export interface InferenceAnswer {
  readonly model: string;
  readonly version: number;
  readonly predictionId: string;
  readonly outputs: readonly Tensor[];
}

/** The answer's body; `headerLength` is set where tensors follow the JSON as bytes. */
export function writeInferenceBody(
  ask: Pick<InferenceAsk, 'id' | 'outputs' | 'isBinary'>,
  answer: InferenceAnswer,
): { body: Uint8Array | string; headerLength: number | undefined } {
  const tail: Uint8Array[] = [];
  const outputs = answer.outputs.map((tensor) => {
    const isBinary = ask.outputs.find(({ name }) => name === tensor.name)?.isBinary ?? ask.isBinary;
    const head = `"name":${JSON.stringify(tensor.name)},"datatype":"${tensor.datatype}","shape":[${tensor.shape.join(',')}]`;
    if (!isBinary) return `{${head},"data":${writeJson(tensor)}}`;
    const bytes = writeRaw(tensor.data);
    tail.push(bytes);
    return `{${head},"parameters":{"binary_data_size":${bytes.byteLength}}}`;
  });
  const id = ask.id === '' ? '' : `"id":${JSON.stringify(ask.id)},`;
  const json =
    `{"model_name":${JSON.stringify(answer.model)},"model_version":"${answer.version}",${id}` +
    `"parameters":{"prediction_id":"${answer.predictionId}"},"outputs":[${outputs.join(',')}]}`;
  if (tail.length === 0) return { body: json, headerLength: undefined };
  const head = Buffer.from(json);
  return { body: Buffer.concat([head, ...tail]), headerLength: head.byteLength };
}

function wrong(field: string, message: string) {
  return invalid('INFER_BODY_INVALID', message, { field });
}
