import { type Counts, total } from './distances.js';
import { chiSquareUpper } from './special.js';

export interface ChiSquareResult {
  readonly statistic: number;
  readonly df: number;
  readonly p: number;
}

export interface ChiSquareOptions {
  /**
   * Categories expected fewer times than this in the smaller sample are tested together, unseen ones among them: the
   * chi-square law needs about five. 0 keeps all apart.
   */
  readonly expectedMin?: number;
  /** The statistic is divided by this: how many dependent observations count as one. */
  readonly designEffect?: number;
}

/**
 * Two-sample chi-square over categories. Both samples are estimates (neither is taken for the truth), so that one
 * unseen category in one row is no proof of anything.
 */
export function chiSquareTwoSample(
  x: Counts,
  y: Counts,
  { expectedMin = 5, designEffect = 1 }: ChiSquareOptions = {},
): ChiSquareResult {
  const nx = total(x);
  const ny = total(y);
  if (nx === 0 || ny === 0) return { statistic: 0, df: 0, p: 1 };
  const cells = pooled(x, y, expectedMin);
  if (cells.length < 2) return { statistic: 0, df: 0, p: 1 };
  let sum = 0;
  for (const [a, b] of cells) {
    const share = (a + b) / (nx + ny);
    sum += (a - nx * share) ** 2 / (nx * share) + (b - ny * share) ** 2 / (ny * share);
  }
  const statistic = sum / designEffect;
  return { statistic, df: cells.length - 1, p: chiSquareUpper(statistic, cells.length - 1) };
}

function pooled(x: Counts, y: Counts, expectedMin: number): [number, number][] {
  const smaller = Math.min(total(x), total(y)) / (total(x) + total(y));
  const kept: [number, number][] = [];
  const rest: [number, number] = [0, 0];
  for (const name of [...new Set([...Object.keys(x), ...Object.keys(y)])].sort()) {
    const a = x[name] ?? 0;
    const b = y[name] ?? 0;
    if (a + b === 0) continue;
    if ((a + b) * smaller >= expectedMin) kept.push([a, b]);
    else {
      rest[0] += a;
      rest[1] += b;
    }
  }
  const expectedOfRest = (rest[0] + rest[1]) * smaller;
  if (expectedOfRest === 0) return kept;
  const smallest = kept.sort((p, q) => p[0] + p[1] - q[0] - q[1])[0];
  if (expectedOfRest >= expectedMin || !smallest) return [...kept, rest];
  // Still too few for a cell of their own: they join the smallest one.
  return [[smallest[0] + rest[0], smallest[1] + rest[1]], ...kept.slice(1)];
}
