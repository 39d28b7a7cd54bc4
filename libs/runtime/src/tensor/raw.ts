import { invalid } from '@perennial/kernel';
import {
  type Datatype,
  elementBytes,
  elementCount,
  numbersIn,
  type Tensor,
  type TensorData,
} from './tensor.js';

/** A byte order mark at the beginning is a character like any other. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Where a tensor comes from, for error texts that clients look for. */
export interface TensorPlace {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly model: string;
}

/**
 * Reads a tensor's bytes: little-endian numbers, or for BYTES each element's length (uint32, little-endian) and text.
 *
 * @throws PlatformError TENSOR_SIZE_INVALID where the bytes do not fit the shape
 */
export function readRaw(place: TensorPlace, bytes: Uint8Array): Tensor {
  const { name, datatype, shape, model } = place;
  const count = elementCount(name, shape);
  if (datatype === 'BYTES') return { name, datatype, shape, data: readTexts(place, bytes, count) };
  const expected = count * elementBytes(datatype);
  if (bytes.byteLength !== expected) {
    throw sizeError(
      name,
      `input byte size mismatch for input '${name}' for model '${model}'. Expected ${expected}, got ${bytes.byteLength}`,
    );
  }
  // The copy aligns: a message's field may begin at any byte, a Float64Array may not.
  const aligned = new Uint8Array(expected);
  aligned.set(bytes);
  if (datatype === 'BOOL' && aligned.some((value) => value > 1)) {
    throw invalid('TENSOR_DATA_INVALID', `input '${name}' is BOOL: its bytes must be 0 or 1`, {
      field: name,
    });
  }
  return { name, datatype, shape, data: numbersIn(datatype, aligned.buffer) };
}

function readTexts({ name, model }: TensorPlace, bytes: Uint8Array, count: number): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts: string[] = [];
  let at = 0;
  while (at < bytes.byteLength) {
    if (at + 4 > bytes.byteLength) break;
    const length = view.getUint32(at, true);
    if (at + 4 + length > bytes.byteLength) break;
    if (texts.length === count) {
      throw sizeError(
        name,
        `unexpected number of string elements ${count + 1} for inference input '${name}' for model '${model}', expecting ${count}`,
      );
    }
    texts.push(decodeText(name, bytes.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  if (at !== bytes.byteLength) {
    throw sizeError(name, `incomplete string data for inference input '${name}' for model '${model}'`);
  }
  if (texts.length !== count) {
    throw sizeError(
      name,
      `expected ${count} string elements for inference input '${name}' for model '${model}', got ${texts.length}`,
    );
  }
  return texts;
}

/** @throws PlatformError TENSOR_TEXT_INVALID where the bytes are no UTF-8 */
export function decodeText(name: string, bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw invalid(
      'TENSOR_TEXT_INVALID',
      `an element of input '${name}' is not UTF-8, which is all that models read as BYTES; encode it, for example as base64`,
      { field: name, cause },
    );
  }
}

/** The bytes of a tensor's elements, as readRaw reads them. Numbers share memory with `data`. */
export function writeRaw(data: TensorData): Uint8Array {
  if (!Array.isArray(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let total = 0;
  for (const text of data) total += 4 + Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(total);
  let at = 0;
  for (const text of data) {
    const length = bytes.write(text, at + 4);
    bytes.writeUInt32LE(length, at);
    at += 4 + length;
  }
  return bytes;
}

function sizeError(field: string, message: string) {
  return invalid('TENSOR_SIZE_INVALID', message, { field });
}
