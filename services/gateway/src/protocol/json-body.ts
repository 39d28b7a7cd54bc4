import { invalid, type PlatformError } from '@perennial/kernel';
import {
  isDatatype,
  parseExact,
  readJson,
  readRaw,
  type Tensor,
  writeJson,
  writeRaw,
} from '@perennial/runtime';
import { checkStructure } from './json-structure.js';
import {
  checkNotShared,
  checkOutputNames,
  noParameters,
  type Parameters,
  readOutput,
  readParameters,
} from './parameters.js';
import type { AnsweredOutput, InferenceRequest, InferenceResponse, RequestedOutput } from './request.js';

/** A text of this size cannot cost much whatever it is; longer ones are looked through before they are parsed. */
const uncheckedBytesMax = 64 * 1024;
const nothing = new Uint8Array();

const noOutputs: readonly RequestedOutput[] = [];

interface JsonInput {
  readonly name?: unknown;
  readonly datatype?: unknown;
  readonly shape?: unknown;
  readonly data?: unknown;
  readonly parameters?: unknown;
}

/**
 * Reads a request's body: JSON, and with the extension "binary tensor data" the tensors' bytes behind it.
 *
 * @param headerLength value of Inference-Header-Content-Length, or undefined where the whole body is JSON
 * @throws PlatformError INFER_BODY_INVALID, PARAMETER_INVALID and TENSOR_*, with the words that clients look for
 */
export function readInferenceBody(
  body: Uint8Array,
  headerLength: string | undefined,
  model: string,
): InferenceRequest {
  const length = headerLength === undefined ? body.byteLength : Number(headerLength);
  if (headerLength === '' || !Number.isInteger(length) || length < 0 || length > body.byteLength) {
    throw wrong(
      'Inference-Header-Content-Length',
      `inference header size should be in range (0, ${body.byteLength}), got: ${headerLength}`,
    );
  }
  if (length > uncheckedBytesMax) checkStructure(body.subarray(0, length));
  const bytes = body instanceof Buffer ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const text = bytes.toString('utf8', 0, length);
  try {
    return requestOf(
      objectOf(text),
      length === body.byteLength ? nothing : body.subarray(length),
      model,
      text,
    );
  } catch (error) {
    // Nobody says that it is its depth that makes a list no list of tensors.
    checkStructure(body.subarray(0, length));
    throw error;
  }
}

function requestOf(
  json: Record<string, unknown>,
  tail: Uint8Array,
  model: string,
  text: string,
): InferenceRequest {
  const { id = '' } = json;
  if (typeof id !== 'string') throw wrong('id', 'id must be a text');
  const given = parametersOf('parameters', json['parameters']);
  const parameters = given ? readParameters(given) : noParameters;
  const outputs = outputsOf(json['outputs']);
  checkOutputNames(outputs, model);
  return { id, parameters, inputs: inputsOf(json['inputs'], tail, model, text), outputs };
}

function objectOf(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const message = `failed to parse the request JSON buffer: ${(cause as Error).message}`;
    throw invalid('INFER_BODY_INVALID', message, { cause, field: 'body' });
  }
  if (isObject(value)) return value;
  throw wrong('body', 'the body must be a JSON object with inputs');
}

function inputsOf(list: unknown, tail: Uint8Array, model: string, text: string): Tensor[] {
  if (!Array.isArray(list)) throw wrong('inputs', "Unable to parse 'inputs': it must be a list of tensors");
  const reader = new InputReader(tail, model, text);
  const tensors: Tensor[] = [];
  for (let at = 0; at < list.length; at++) tensors.push(reader.read(list[at], at));
  reader.end();
  return tensors;
}

/** Reads one input after the other: out of the JSON, or of the bytes behind it. */
class InputReader {
  #rest: Uint8Array;
  readonly #model: string;
  readonly #text: string;
  /** The JSON with exact integers, once one needs it. */
  #exact: { inputs: JsonInput[] } | undefined;

  constructor(tail: Uint8Array, model: string, text: string) {
    this.#rest = tail;
    this.#model = model;
    this.#text = text;
  }

  read(input: unknown, at: number): Tensor {
    if (!isObject(input))
      throw wrong(`inputs[${at}]`, `Unable to parse 'inputs': inputs[${at}] must be an object`);
    const place = placeOf(input, at, this.#model);
    const { name, datatype, data } = place;
    const { parameters } = input as JsonInput;
    const size = parameters === undefined ? undefined : sizeOf(name, parametersOf(name, parameters));
    if ((size === undefined) === (data === undefined)) {
      throw wrong(
        name,
        `Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', for input '${name}'`,
      );
    }
    if (size !== undefined) return readRaw(place, this.#take(name, size));
    const isBig = datatype === 'INT64' || datatype === 'UINT64';
    return readJson(place, isBig ? () => this.#exactly(at) : undefined);
  }

  /** @throws PlatformError INFER_BODY_INVALID where bytes are left over */
  end(): void {
    const left = this.#rest.byteLength;
    if (left === 0) return;
    throw wrong('body', `unexpected additional input data for model '${this.#model}': ${left} bytes`);
  }

  #take(name: string, size: number): Uint8Array {
    const rest = this.#rest;
    if (size > rest.byteLength) {
      throw wrong(
        name,
        `unexpected size for input '${name}', expecting ${size - rest.byteLength} additional bytes for model '${this.#model}'`,
      );
    }
    this.#rest = rest.subarray(size);
    return rest.subarray(0, size);
  }

  #exactly(at: number): unknown {
    this.#exact ??= parseExact(this.#text) as { inputs: JsonInput[] };
    return this.#exact.inputs[at]?.data;
  }
}

function sizeOf(name: string, parameters: Parameters | undefined): number | undefined {
  if (!parameters) return undefined;
  for (const key of Object.keys(parameters)) checkNotShared(name, key);
  const size = parameters['binary_data_size'];
  if (size === undefined || (typeof size === 'number' && Number.isInteger(size) && size >= 0)) return size;
  throw wrong(
    name,
    `Unable to parse 'binary_data_size' of input '${name}': it must be a whole number of 0 or more`,
  );
}

function placeOf({ name, datatype, shape, data }: JsonInput, at: number, model: string) {
  if (typeof name !== 'string' || name === '')
    throw wrong(`inputs[${at}].name`, `Unable to parse 'name': inputs[${at}].name must be a text`);
  if (typeof datatype !== 'string' || !isDatatype(datatype))
    throw wrong(name, `input '${name}' has the unknown datatype '${String(datatype)}'`);
  if (!Array.isArray(shape))
    throw wrong(name, `Unable to parse 'shape' of input '${name}': it must be a list`);
  for (const size of shape) {
    if (typeof size === 'number' && Number.isInteger(size) && size >= 0) continue;
    throw wrong(
      name,
      `Unable to parse 'shape': attempt to access JSON non-unsigned-integer as unsigned-integer; the shape of input ` +
        `'${name}' must be whole numbers of 0 or more`,
    );
  }
  return { name, datatype, shape: shape as number[], model, data };
}

function outputsOf(list: unknown): readonly RequestedOutput[] {
  if (list === undefined) return noOutputs;
  if (!Array.isArray(list)) throw wrong('outputs', "Unable to parse 'outputs': it must be a list of outputs");
  return list.map((output: unknown, at) => {
    const name = isObject(output) ? output['name'] : undefined;
    if (!isObject(output) || typeof name !== 'string')
      throw wrong(`outputs[${at}].name`, `Unable to parse 'outputs': outputs[${at}].name must be a text`);
    return readOutput(name, parametersOf(name, output['parameters']));
  });
}

function parametersOf(field: string, value: unknown): Parameters | undefined {
  if (value === undefined) return undefined;
  if (isObject(value)) return value;
  throw wrong(field, `Unable to parse 'parameters' of '${field}': it must be an object`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The answer's body; `headerLength` is set where tensors follow the JSON as bytes. */
export function writeInferenceBody(response: InferenceResponse): {
  body: Uint8Array | string;
  headerLength: number | undefined;
} {
  const { id, model, version, predictionId, outputs } = response;
  let tail: Uint8Array[] | undefined;
  let json =
    `{"model_name":${quoted(model)},"model_version":"${version}",` +
    `${id === '' ? '' : `"id":${JSON.stringify(id)},`}"parameters":{"prediction_id":"${predictionId}"},"outputs":[`;
  for (let at = 0; at < outputs.length; at++) {
    const { tensor, isBinary } = outputs[at] as AnsweredOutput;
    const { name, datatype, shape } = tensor;
    json += `${at === 0 ? '{' : ',{'}"name":${quoted(name)},"datatype":"${datatype}","shape":[${listed(shape)}]`;
    if (isBinary) {
      const bytes = writeRaw(tensor.data);
      tail ??= [];
      tail.push(bytes);
      json += `,"parameters":{"binary_data_size":${bytes.byteLength}}}`;
    } else json += `,"data":${writeJson(tensor)}}`;
  }
  json += ']}';
  if (!tail) return { body: json, headerLength: undefined };
  const head = Buffer.from(json);
  return { body: Buffer.concat([head, ...tail]), headerLength: head.byteLength };
}

/** As join(',') has it, which takes longer for a few numbers. */
function listed(shape: readonly number[]): string {
  let text = '';
  for (let at = 0; at < shape.length; at++) text += at === 0 ? shape[at] : `,${shape[at]}`;
  return text;
}

const quotedMax = 10_000;
const quotedTexts = new Map<string, string>();

/** A name as JSON. Models and their outputs are few and come again and again. */
function quoted(name: string): string {
  let text = quotedTexts.get(name);
  if (text === undefined) {
    text = JSON.stringify(name);
    if (quotedTexts.size >= quotedMax) quotedTexts.clear();
    quotedTexts.set(name, text);
  }
  return text;
}

function wrong(field: string, message: string): PlatformError {
  return invalid('INFER_BODY_INVALID', message, { field });
}
