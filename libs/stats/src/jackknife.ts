import { studentUpper } from './special.js';

/**
 * The standard error of any statistic of consecutive rows, by leaving out one block of neighbours at a time. Blocks
 * keep neighbours together, so that dependence shorter than a block is accounted for. NaN with fewer than two blocks.
 *
 * @param statistic is given the rows that stay, `[from, to)` left out
 */
export function blockJackknifeError(
  rows: number,
  blocks: number,
  statistic: (leftOutFrom: number, leftOutTo: number) => number,
): number {
  const values: number[] = [];
  for (let block = 0; block < blocks; block++) {
    const from = Math.round((block * rows) / blocks);
    const to = Math.round(((block + 1) * rows) / blocks);
    values.push(statistic(from, to));
  }
  if (values.length < 2) return Number.NaN;
  const centre = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return Math.sqrt(((values.length - 1) / values.length) * squares);
}

/** One-sided: the chance of a value this far above `expected` where nothing is worse, with Student's t. */
export function exceedanceP(value: number, expected: number, error: number, df: number): number {
  if (!(value > expected)) return 1;
  if (error === 0) return 0;
  if (!(error > 0) || df < 1) return 1;
  return studentUpper((value - expected) / error, df);
}
