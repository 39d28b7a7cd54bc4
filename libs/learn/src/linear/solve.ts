/**
 * Solves `matrix * x = right` for a symmetric positive definite matrix (rows one after the other), by Cholesky.
 * A pivot lost to rounding is raised to a tiny share of the largest: the direction it stands for gets no weight.
 */
export function solveSymmetric(matrix: Float64Array, right: Float64Array): Float64Array {
  const size = right.length;
  const lower = Float64Array.from(matrix);
  const at = (row: number, column: number): number => lower[row * size + column] as number;
  let largest = 0;
  for (let i = 0; i < size; i++) largest = Math.max(largest, at(i, i));
  const pivotMin = Math.max(largest, 1) * 1e-12;
  for (let column = 0; column < size; column++) {
    for (let row = column; row < size; row++) {
      let sum = at(row, column);
      for (let k = 0; k < column; k++) sum -= at(row, k) * at(column, k);
      lower[row * size + column] =
        row === column ? Math.sqrt(Math.max(sum, pivotMin)) : sum / at(column, column);
    }
  }
  const solution = Float64Array.from(right);
  for (let row = 0; row < size; row++) {
    let sum = solution[row] as number;
    for (let k = 0; k < row; k++) sum -= at(row, k) * (solution[k] as number);
    solution[row] = sum / at(row, row);
  }
  for (let row = size - 1; row >= 0; row--) {
    let sum = solution[row] as number;
    for (let k = row + 1; k < size; k++) sum -= at(k, row) * (solution[k] as number);
    solution[row] = sum / at(row, row);
  }
  return solution;
}
