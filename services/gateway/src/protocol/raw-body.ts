import type { DeploymentUpdated } from '@perennial/contracts';
import { invalid, type PlatformError } from '@perennial/kernel';
import { type Datatype, elementBytes, readRaw } from '@perennial/runtime';
import { tensorsOf } from './descriptions.js';
import { noParameters } from './parameters.js';
import type { InferenceRequest } from './request.js';

/**
 * The "raw binary request": Inference-Header-Content-Length is 0 and the whole body is the one input's bytes, for one
 * row; name, datatype and shape are the model's. All outputs come back as bytes.
 *
 * @throws PlatformError INFER_BODY_INVALID where the model leaves something open
 */
export function readRawRequest(body: Uint8Array, deployment: DeploymentUpdated): InferenceRequest {
  const model = deployment.deployment;
  const [input, ...others] = tensorsOf(deployment).inputs;
  if (!input || others.length > 0) {
    throw wrong(
      `Raw request must only have 1 input (found 1) to be deduced but got ${deployment.inputs.length} inputs in ` +
        `'${model}' model configuration`,
    );
  }
  const { name } = input;
  const datatype = input.datatype as Datatype;
  const hasRows = input.shape[0] === -1;
  const dims = hasRows ? input.shape.slice(1) : input.shape;
  const shape = datatype === 'BYTES' ? textShape(name, dims) : filled(name, datatype, dims, body.byteLength);
  const place = { name, datatype, shape: hasRows ? [1, ...shape] : shape, model };
  const bytes = datatype === 'BYTES' ? withLength(body) : body;
  return {
    id: '',
    parameters: { ...noParameters, isBinary: true },
    inputs: [readRaw(place, bytes)],
    outputs: [],
  };
}

function textShape(name: string, dims: readonly number[]): number[] {
  if (dims.length === 1 && (dims[0] === 1 || dims[0] === -1)) return [1];
  throw wrong(`For BYTE datatype raw input '${name}', the model must have input shape [1]`);
}

/** The one open dimension follows from the length of the body. */
function filled(
  name: string,
  datatype: Exclude<Datatype, 'BYTES'>,
  dims: readonly number[],
  bytes: number,
): number[] {
  const open = dims.filter((size) => size === -1).length;
  if (open > 1) {
    throw wrong(
      `The shape of the raw input '${name}' can not be deduced because there are more than one variable-sized dimension`,
    );
  }
  const fixed = dims.reduce(
    (product, size) => (size === -1 ? product : product * size),
    elementBytes(datatype),
  );
  return dims.map((size) => (size === -1 ? Math.ceil(bytes / Math.max(1, fixed)) : size));
}

/** The body is the text itself; elsewhere its length comes before it. */
function withLength(body: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(4 + body.byteLength);
  bytes.writeUInt32LE(body.byteLength, 0);
  bytes.set(body, 4);
  return bytes;
}

function wrong(message: string): PlatformError {
  return invalid('INFER_BODY_INVALID', message, { field: 'body' });
}
