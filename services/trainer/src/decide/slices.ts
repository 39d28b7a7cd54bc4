import type { Column } from './exchange.js';
import { trainerLimits } from './limits.js';

export interface Slice {
  readonly value: string;
  readonly rows: Uint32Array;
}

/** The rows of each value of a column with `minRows` of them or more; the largest first, of equals by value. */
export function slicesOf(column: Column, minRows: number): Slice[] {
  const groups = new Map<string, number[]>();
  for (let row = 0; row < column.length; row++) {
    const value = textOf(column[row] as number | string);
    const group = groups.get(value);
    if (group) group.push(row);
    else groups.set(value, [row]);
  }
  return [...groups]
    .filter(([, rows]) => rows.length >= minRows)
    .sort(([a, rowsA], [b, rowsB]) => rowsB.length - rowsA.length || (a < b ? -1 : 1))
    .slice(0, trainerLimits.slicesMax)
    .map(([value, rows]) => ({ value, rows: Uint32Array.from(rows) }));
}

function textOf(value: number | string): string {
  return value === '' || Number.isNaN(value) ? 'missing' : String(value);
}
