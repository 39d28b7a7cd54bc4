/** Mean and standard deviation of the finite values of a column; a missing value is put at the mean. */
export interface Scale {
  readonly mean: number;
  readonly sd: number;
}

export function fitScale(column: Float64Array): Scale {
  let count = 0;
  let mean = 0;
  let squares = 0;
  for (const value of column) {
    if (!Number.isFinite(value)) continue;
    count += 1;
    const distance = value - mean;
    mean += distance / count;
    squares += distance * (value - mean);
  }
  const sd = count > 0 ? Math.sqrt(squares / count) : 0;
  // A constant column tells nothing; dividing by 1 leaves it at 0.
  return { mean, sd: sd > 0 && Number.isFinite(sd) ? sd : 1 };
}

export function scaleColumn(column: Float64Array, { mean, sd }: Scale): Float64Array {
  return column.map((value) => (Number.isFinite(value) ? (value - mean) / sd : 0));
}
