import { studentUpper } from './special.js';

/** NaN for an empty sample. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  return sum / values.length;
}

/** The sample's standard deviation (n - 1); 0 for fewer than two values. */
export function standardDeviation(values: ArrayLike<number>): number {
  if (values.length < 2) return 0;
  const centre = mean(values);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += ((values[i] as number) - centre) ** 2;
  return Math.sqrt(sum / (values.length - 1));
}

/** Welch's test of equal means, two-sided; needs two values on each side that vary. */
export function welch(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
): { statistic: number; df: number; p: number } {
  const vx = standardDeviation(x) ** 2 / x.length;
  const vy = standardDeviation(y) ** 2 / y.length;
  const difference = mean(x) - mean(y);
  if (!(vx + vy > 0)) return { statistic: 0, df: 0, p: difference === 0 || Number.isNaN(difference) ? 1 : 0 };
  const statistic = difference / Math.sqrt(vx + vy);
  const df = (vx + vy) ** 2 / (vx ** 2 / (x.length - 1) + vy ** 2 / (y.length - 1));
  return { statistic, df, p: 2 * studentUpper(Math.abs(statistic), df) };
}
