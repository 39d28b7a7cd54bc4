import { elementCount, numberArray, type Tensor, type TensorSpec } from './tensor/tensor.js';

/** Inputs of zeros and empty texts with this many rows; every other open dimension is 1. */
export function zeroInputs(specs: readonly TensorSpec[], rows: number): Tensor[] {
  return specs.map(({ name, datatype, shape }) => {
    const sizes = shape.map((size, at) => (size >= 0 ? size : at === 0 ? rows : 1));
    const count = elementCount(name, sizes);
    const data = datatype === 'BYTES' ? new Array<string>(count).fill('') : numberArray(datatype, count);
    return { name, datatype, shape: sizes, data };
  });
}

/** Whether the rows of several requests may be run as one: the first dimension of every input is open. */
export function isBatchable(specs: readonly TensorSpec[]): boolean {
  return specs.length > 0 && specs.every(({ shape }) => shape[0] === -1);
}
