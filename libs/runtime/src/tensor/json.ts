import { invalid } from '@perennial/kernel';
import {
  type Datatype,
  elementCount,
  type NumberDatatype,
  numberArray,
  type Tensor,
  type TensorData,
} from './tensor.js';

type BigIntegers = BigInt64Array | BigUint64Array;
type Numbers = Exclude<TensorData, string[] | BigIntegers>;

const ranges: Partial<Record<NumberDatatype, readonly [number, number]>> = {
  UINT8: [0, 2 ** 8 - 1],
  UINT16: [0, 2 ** 16 - 1],
  UINT32: [0, 2 ** 32 - 1],
  INT8: [-(2 ** 7), 2 ** 7 - 1],
  INT16: [-(2 ** 15), 2 ** 15 - 1],
  INT32: [-(2 ** 31), 2 ** 31 - 1],
};
const bigRanges = {
  UINT64: [0n, 2n ** 64n - 1n],
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
} as const;

/** Nesting of `data` is that of its shape; more is an attack on the stack. */
export const jsonDepthMax = 100;

export interface JsonTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** Nested or flat, row-major, as JSON.parse gives it. */
  readonly data: unknown;
}

/**
 * Reads a tensor of a JSON request.
 *
 * @param exactly the same `data` with integers of 16 digits and more as bigint (see parseExact); asked for only where a
 * 64-bit integer may have lost digits
 * @throws PlatformError TENSOR_DATA_INVALID, naming the input and the first wrong element
 */
export function readJson({ name, datatype, shape, data }: JsonTensor, exactly?: () => unknown): Tensor {
  if (datatype === 'FP16' || datatype === 'BF16') {
    throw dataError(
      name,
      `receiving ${datatype} data via JSON is not supported. Please use the binary data format for input ${name}`,
    );
  }
  if (!Array.isArray(data))
    throw dataError(name, `Unable to parse 'data' of input '${name}': it must be a list`);
  const count = elementCount(name, shape);
  // Counted before anything is allocated: a shape may promise what no body holds.
  const length = lengthOf(name, data, 1);
  if (length !== count) {
    throw dataError(
      name,
      `Unable to parse 'data': Shape does not match true shape of 'data' field: input '${name}' has ${length} elements, ` +
        `but its shape [${shape.join(',')}] asks for ${count}`,
    );
  }
  return { name, datatype, shape, data: elementsOf(name, datatype, data, count, exactly) };
}

/** Elements of nested lists; what is no list where its neighbours are is found when it is read. */
function lengthOf(name: string, data: readonly unknown[], depth: number): number {
  if (!Array.isArray(data[0])) return data.length;
  if (depth >= jsonDepthMax) {
    throw dataError(
      name,
      `JSON nesting depth exceeds maximum allowed limit (${jsonDepthMax}) in input '${name}'`,
    );
  }
  let length = 0;
  for (const item of data) length += Array.isArray(item) ? lengthOf(name, item, depth + 1) : 1;
  return length;
}

function elementsOf(
  name: string,
  datatype: Exclude<Datatype, 'FP16' | 'BF16'>,
  data: readonly unknown[],
  count: number,
  exactly: (() => unknown) | undefined,
): TensorData {
  if (datatype === 'BYTES') {
    const texts: string[] = [];
    walk(data, 0, (row) => readTexts(name, row, texts));
    return texts;
  }
  const into = numberArray(datatype, count);
  if (into instanceof BigInt64Array || into instanceof BigUint64Array) {
    const [low, high] = bigRanges[datatype as 'INT64' | 'UINT64'];
    const exact = exactly && !isExact(data) ? (exactly() as readonly unknown[]) : data;
    walk(exact, 0, (row, at) => readBigIntegers(name, row, into, at, low, high));
    return into;
  }
  const range = ranges[datatype];
  const isFloat = datatype === 'FP32' || datatype === 'FP64';
  // The usual case without a detour.
  if (isFloat && !Array.isArray(data[0])) readFloats(name, data, into, 0, datatype);
  else if (datatype === 'BOOL') walk(data, 0, (row, at) => readBooleans(name, row, into, at));
  else if (range) walk(data, 0, (row, at) => readIntegers(name, row, into, at, range[0], range[1]));
  else walk(data, 0, (row, at) => readFloats(name, row, into, at, datatype));
  return into;
}

/** Calls `read` with every innermost list and the place of its first element; returns the place behind the last. */
function walk(
  data: readonly unknown[],
  at: number,
  read: (row: readonly unknown[], at: number) => void,
): number {
  if (!Array.isArray(data[0])) {
    read(data, at);
    return at + data.length;
  }
  let next = at;
  for (const item of data) next = walk(Array.isArray(item) ? item : [item], next, read);
  return next;
}

function readFloats(name: string, row: readonly unknown[], into: Numbers, from: number, type: string): void {
  for (let at = 0; at < row.length; at++) {
    const value = row[at];
    if (typeof value !== 'number') throw elementError(name, from + at, value, 'a number');
    into[from + at] = value;
    // 1e999 is JSON, and no number; 1e39 is none in FP32.
    if (!Number.isFinite(into[from + at])) {
      throw elementError(
        name,
        from + at,
        value,
        `a finite ${type}; send what JSON cannot hold as binary data`,
      );
    }
  }
}

function readIntegers(
  name: string,
  row: readonly unknown[],
  into: Numbers,
  from: number,
  low: number,
  high: number,
): void {
  for (let at = 0; at < row.length; at++) {
    const value = row[at];
    if (typeof value !== 'number' || !Number.isInteger(value))
      throw elementError(name, from + at, value, 'a whole number');
    if (value < low || value > high)
      throw elementError(name, from + at, value, `a whole number of ${low} to ${high}`);
    into[from + at] = value;
  }
}

function readBigIntegers(
  name: string,
  row: readonly unknown[],
  into: BigIntegers,
  from: number,
  low: bigint,
  high: bigint,
): void {
  for (let at = 0; at < row.length; at++) {
    const value = row[at];
    if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isInteger(value)))
      throw elementError(name, from + at, value, 'a whole number');
    if (typeof value === 'number' && !Number.isSafeInteger(value))
      throw elementError(name, from + at, value, 'a whole number written in digits alone');
    const integer = BigInt(value);
    if (integer < low || integer > high)
      throw elementError(name, from + at, value, `a whole number of ${low} to ${high}`);
    into[from + at] = integer;
  }
}

/** Whether no element can have lost digits on its way through a double. */
function isExact(data: readonly unknown[]): boolean {
  for (const value of data) {
    if (Array.isArray(value) ? !isExact(value) : typeof value === 'number' && Math.abs(value) > 2 ** 53 - 1)
      return false;
  }
  return true;
}

function readBooleans(name: string, row: readonly unknown[], into: Numbers, from: number): void {
  for (let at = 0; at < row.length; at++) {
    const value = row[at];
    if (typeof value !== 'boolean') throw elementError(name, from + at, value, 'true or false');
    into[from + at] = value ? 1 : 0;
  }
}

function readTexts(name: string, row: readonly unknown[], into: string[]): void {
  for (const value of row) {
    if (typeof value !== 'string') throw elementError(name, into.length, value, 'a string');
    into.push(value);
  }
}

/** Below this many elements joining is quicker than JSON.stringify with its copy; above it takes twice as long. */
const joinedMax = 8;

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
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return `[${data.join(',')}]`;
  if ((data instanceof Float32Array || data instanceof Float64Array) && !isAllFinite(data)) {
    throw dataError(
      name,
      `output '${name}' holds NaN or an infinity, which JSON cannot; ask for binary data (parameters.binary_data)`,
    );
  }
  if (data.length === 1) return `[${data[0]}]`;
  return data.length <= joinedMax ? `[${data.join(',')}]` : JSON.stringify(Array.from(data));
}

function isAllFinite(data: Float32Array | Float64Array): boolean {
  for (let at = 0; at < data.length; at++) if (!Number.isFinite(data[at])) return false;
  return true;
}

function elementError(name: string, at: number, value: unknown, wanted: string) {
  const text = typeof value === 'number' || typeof value === 'bigint' ? String(value) : JSON.stringify(value);
  return dataError(
    name,
    `element ${at} of input '${name}' must be ${wanted}, got ${(text ?? 'nothing').slice(0, 60)}`,
  );
}

function dataError(field: string, message: string) {
  return invalid('TENSOR_DATA_INVALID', message, { field });
}
