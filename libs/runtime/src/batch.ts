import { invalid } from '@perennial/kernel';
import { elementBytes, elementCount, numberArray, type Tensor, type TensorData } from './tensor/tensor.js';

/**
 * The rows of a request: the first dimension, which all inputs must share. Scalars count as one row.
 *
 * @throws PlatformError TENSOR_SHAPE_INVALID where they differ
 */
export function rowsOf(inputs: readonly Tensor[]): number {
  const first = inputs[0];
  if (!first) return 0;
  const rows = first.shape[0] ?? 1;
  const other = inputs.find((input) => (input.shape[0] ?? 1) !== rows);
  if (other) {
    throw invalid(
      'TENSOR_SHAPE_INVALID',
      `inputs must have the same number of rows: '${first.name}' has ${rows}, '${other.name}' has ${other.shape[0] ?? 1}`,
      { field: other.name },
    );
  }
  return rows;
}

/** Whether two requests may share a batch: same inputs, datatypes and shapes behind the first dimension. */
export function shapeKey(inputs: readonly Tensor[]): string {
  return inputs
    .map(({ name, datatype, shape }) => `${name}:${datatype}:${shape.slice(1).join('x')}`)
    .join('|');
}

/** One request's inputs out of many of the same shapeKey: rows one after the other. */
export function joinRows(requests: readonly (readonly Tensor[])[]): Tensor[] {
  const [first] = requests;
  if (!first) return [];
  if (requests.length === 1) return [...first];
  return first.map((tensor, at) => {
    const parts = requests.map((inputs) => inputs[at] as Tensor);
    const rows = parts.reduce((sum, part) => sum + (part.shape[0] ?? 1), 0);
    return { ...tensor, shape: [rows, ...tensor.shape.slice(1)], data: concatenate(tensor, parts) };
  });
}

function concatenate(like: Tensor, parts: readonly Tensor[]): TensorData {
  if (like.datatype === 'BYTES') return parts.flatMap((part) => part.data as string[]);
  const total = parts.reduce((sum, part) => sum + part.data.length, 0);
  const joined = numberArray(like.datatype, total);
  let at = 0;
  for (const { data } of parts) {
    // The same datatype gives the same array type; the union of them does not know that.
    (joined as Float64Array).set(data as Float64Array, at);
    at += data.length;
  }
  return joined;
}

/** The reverse for outputs: each request's rows, in order. Outputs without a row dimension go to each whole. */
export function splitRows(outputs: readonly Tensor[], rowCounts: readonly number[]): Tensor[][] {
  if (rowCounts.length === 1) return [[...outputs]];
  const total = rowCounts.reduce((sum, rows) => sum + rows, 0);
  let from = 0;
  return rowCounts.map((rows) => {
    const start = from;
    from += rows;
    return outputs.map((tensor) => {
      if (tensor.shape[0] !== total) return tensor;
      return sliceRows(tensor, start, start + rows);
    });
  });
}

/** Rows `from` (inclusive) to `to` (exclusive) of a tensor; a copy. */
export function sliceRows(tensor: Tensor, from: number, to: number): Tensor {
  const perRow = elementCount(tensor.name, tensor.shape.slice(1));
  return {
    ...tensor,
    shape: [to - from, ...tensor.shape.slice(1)],
    data: tensor.data.slice(from * perRow, to * perRow),
  };
}

/** About how much memory the elements take, for bounds. */
export function bytesOf(inputs: readonly Tensor[]): number {
  let bytes = 0;
  for (const { datatype, data } of inputs) {
    if (datatype === 'BYTES') for (const text of data as string[]) bytes += 16 + text.length;
    else bytes += data.length * elementBytes(datatype);
  }
  return bytes;
}
