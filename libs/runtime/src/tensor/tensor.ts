import { invalid } from '@perennial/kernel';

/** The arrays that hold a tensor's elements, row-major. FP16 and BF16 are kept as their 16 bits; BYTES as UTF-8 text. */
export type TensorData =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array
  | string[];

type Numbers = Exclude<TensorData, string[]>;

interface NumberType {
  readonly bytes: number;
  readonly array: {
    new (length: number): Numbers;
    new (buffer: ArrayBuffer): Numbers;
  };
}

const numberTypes = {
  BOOL: { bytes: 1, array: Uint8Array },
  UINT8: { bytes: 1, array: Uint8Array },
  UINT16: { bytes: 2, array: Uint16Array },
  UINT32: { bytes: 4, array: Uint32Array },
  UINT64: { bytes: 8, array: BigUint64Array },
  INT8: { bytes: 1, array: Int8Array },
  INT16: { bytes: 2, array: Int16Array },
  INT32: { bytes: 4, array: Int32Array },
  INT64: { bytes: 8, array: BigInt64Array },
  FP16: { bytes: 2, array: Uint16Array },
  BF16: { bytes: 2, array: Uint16Array },
  FP32: { bytes: 4, array: Float32Array },
  FP64: { bytes: 8, array: Float64Array },
} as const satisfies Record<string, NumberType>;

export type NumberDatatype = keyof typeof numberTypes;
/** Datatypes of the Open Inference Protocol, and BF16 of its common extension. */
export type Datatype = NumberDatatype | 'BYTES';

/** A named tensor: `shape` product = number of elements in `data`. */
export interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** What a model says of an input or output; -1 stands for any size. */
export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
}

export function isDatatype(text: string): text is Datatype {
  return text === 'BYTES' || Object.hasOwn(numberTypes, text);
}

/** Bytes of one element. */
export function elementBytes(datatype: NumberDatatype): number {
  return numberTypes[datatype].bytes;
}

/** A zeroed array for `count` numbers. */
export function numberArray(datatype: NumberDatatype, count: number): Numbers {
  return new numberTypes[datatype].array(count);
}

/** The numbers that lie in `buffer`, without a copy; little-endian hosts only, as every Node platform is. */
export function numbersIn(datatype: NumberDatatype, buffer: ArrayBuffer): Numbers {
  return new numberTypes[datatype].array(buffer);
}

/** Elements in one tensor; far above what a body may carry, below what overflows. */
const elementsMax = 2 ** 31 - 1;

/**
 * The number of elements of a shape.
 *
 * @throws PlatformError TENSOR_SHAPE_INVALID, naming the input
 */
export function elementCount(name: string, shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw invalid(
        'TENSOR_SHAPE_INVALID',
        `shape of input '${name}' must be whole numbers of 0 or more, got [${shape.join(',')}]`,
        { field: name },
      );
    }
    count *= size;
    if (count > elementsMax) {
      throw invalid(
        'TENSOR_SHAPE_INVALID',
        `shape [${shape.join(',')}] of input '${name}' causes total element count to exceed maximum size of ${elementsMax}`,
        { field: name },
      );
    }
  }
  return count;
}
