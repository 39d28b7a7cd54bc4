import { invalid } from '@perennial/kernel';
import {
  type Datatype,
  elementCount,
  type NumberDatatype,
  numberArray,
  type Tensor,
  type TensorData,
} from './tensor.js';

const integerRanges: Partial<Record<NumberDatatype, readonly [bigint, bigint]>> = {
  UINT8: [0n, 2n ** 8n - 1n],
  UINT16: [0n, 2n ** 16n - 1n],
  UINT32: [0n, 2n ** 32n - 1n],
  UINT64: [0n, 2n ** 64n - 1n],
  INT8: [-(2n ** 7n), 2n ** 7n - 1n],
  INT16: [-(2n ** 15n), 2n ** 15n - 1n],
  INT32: [-(2n ** 31n), 2n ** 31n - 1n],
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
};

/** Nesting of `data` is that of its shape; more is an attack on the stack. */
const depthMax = 100;

export interface JsonTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** Nested or flat, row-major; integers may be bigint (see parseExact). */
  readonly data: unknown;
}

/**
 * Reads a tensor of a JSON request.
 *
 * @throws PlatformError TENSOR_DATA_INVALID, naming the input and the first wrong element
 */
export function readJson({ name, datatype, shape, data }: JsonTensor): Tensor {
  if (datatype === 'FP16' || datatype === 'BF16') {
    throw dataError(
      name,
      `receiving ${datatype} data via JSON is not supported. Please use the binary data format for input ${name}`,
    );
  }
  const count = elementCount(name, shape);
  const flat: unknown[] = [];
  flatten(name, data, flat, 0);
  if (flat.length !== count) {
    throw dataError(
      name,
      `input '${name}' has ${flat.length} elements, but its shape [${shape.join(',')}] asks for ${count}`,
    );
  }
  return { name, datatype, shape, data: fill(name, datatype, flat) };
}

function flatten(name: string, data: unknown, into: unknown[], depth: number): void {
  if (!Array.isArray(data)) {
    into.push(data);
    return;
  }
  if (depth >= depthMax) {
    throw dataError(
      name,
      `JSON nesting depth exceeds maximum allowed limit (${depthMax}) in input '${name}'`,
    );
  }
  for (const item of data) flatten(name, item, into, depth + 1);
}

function fill(name: string, datatype: Exclude<Datatype, 'FP16' | 'BF16'>, flat: unknown[]): TensorData {
  if (datatype === 'BYTES') {
    return flat.map((value, at) => {
      if (typeof value !== 'string') throw elementError(name, at, value, 'a string');
      return value;
    });
  }
  const array = numberArray(datatype, flat.length);
  if (datatype === 'BOOL') {
    flat.forEach((value, at) => {
      if (typeof value !== 'boolean') throw elementError(name, at, value, 'true or false');
      array[at] = value ? 1 : 0;
    });
  } else if (datatype === 'FP32' || datatype === 'FP64') {
    flat.forEach((value, at) => {
      if (typeof value !== 'number' && typeof value !== 'bigint')
        throw elementError(name, at, value, 'a number');
      array[at] = Number(value);
    });
  } else {
    const [low, high] = integerRanges[datatype] as readonly [bigint, bigint];
    const isBig = array instanceof BigInt64Array || array instanceof BigUint64Array;
    flat.forEach((value, at) => {
      const integer = integerOf(value);
      if (integer === undefined) throw elementError(name, at, value, 'a whole number');
      if (integer < low || integer > high)
        throw elementError(name, at, value, `a whole number of ${low} to ${high}`);
      array[at] = isBig ? integer : Number(integer);
    });
  }
  return array;
}

function integerOf(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value;
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : undefined;
}

/**
 * The JSON text of a tensor's elements, flat and exact: 64-bit integers with all their digits.
 *
 * @throws PlatformError TENSOR_DATA_INVALID for what JSON cannot hold: FP16, BF16, NaN and infinities
 */
export function writeJson({ name, datatype, data }: Tensor): string {
  if (datatype === 'FP16' || datatype === 'BF16') {
    throw dataError(
      name,
      `sending ${datatype} data via JSON is not supported. Please use the binary data format for output ${name}`,
    );
  }
  if (Array.isArray(data)) return JSON.stringify(data);
  if (datatype === 'BOOL') return `[${Array.from(data as Uint8Array, (value) => value !== 0).join(',')}]`;
  if (data instanceof Float32Array || data instanceof Float64Array) {
    if (!data.every(Number.isFinite)) {
      throw dataError(
        name,
        `output '${name}' holds NaN or an infinity, which JSON cannot; ask for binary data (parameters.binary_data)`,
      );
    }
  }
  return `[${data.join(',')}]`;
}

function elementError(name: string, at: number, value: unknown, wanted: string) {
  const shown = typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? 'nothing').slice(0, 60);
  return dataError(name, `element ${at} of input '${name}' must be ${wanted}, got ${shown}`);
}

function dataError(field: string, message: string) {
  return invalid('TENSOR_DATA_INVALID', message, { field });
}
