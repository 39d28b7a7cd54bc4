import type { Column, GoldenRequest } from './exchange.js';
import { trainerLimits } from './limits.js';

/** Rows spread evenly over the table, the first and the last among them. */
export function goldenRowsOf(rows: number): number[] {
  const count = Math.min(rows, trainerLimits.goldenRows);
  return Array.from({ length: count }, (_, at) =>
    count === 1 ? 0 : Math.round((at * (rows - 1)) / (count - 1)),
  );
}

/** Those rows' columns. JSON has no infinity, so an infinite number is asked as a missing one. */
export function goldenColumns(
  columns: Readonly<Record<string, Column>>,
  rows: readonly number[],
): Record<string, Column> {
  return Object.fromEntries(
    Object.entries(columns).map(([name, column]): [string, Column] => [
      name,
      column instanceof Float64Array
        ? Float64Array.from(rows, (row) => finite(column[row] as number))
        : rows.map((row) => column[row] as string),
    ]),
  );
}

const finite = (value: number): number => (Number.isFinite(value) ? value : Number.NaN);

/** Questions with the model's own answers; whoever loads the file must give the same ones. */
export function goldenRequests(
  columns: Readonly<Record<string, Column>>,
  outputs: Float64Array,
): GoldenRequest[] {
  return Array.from(outputs, (output, row) => ({
    inputs: Object.fromEntries(
      Object.entries(columns).map(([name, column]) => {
        const value = column[row] as number | string;
        return [name, value === '' || Number.isNaN(value) ? null : value];
      }),
    ),
    output,
  }));
}
