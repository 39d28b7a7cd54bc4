/** Verified rows of a source that a new row is compared with, by event time. */
export const recentRows = 30;
/** Fewer than these say too little about where a column stands now. */
const recentRowsMin = 10;

/** Where a column stands now. */
export interface RecentLevel {
  readonly center: number;
  readonly spread: number;
  readonly count: number;
  /** None of the values has a fraction. */
  readonly isWhole?: boolean;
  /** All values are so far apart or a multiple of it (10 for 5, 25, 45); 0 where they have more than four decimals. */
  readonly step?: number;
  /** Mean squared step from row to row over the variance: 2 where rows do not depend on each other, less in a series. */
  readonly leaps?: number;
}

/**
 * Median and spread of the last verified values of a column; undefined with fewer than ten. The spread is the larger
 * of standard deviation and scaled MAD (1.4826: consistent with the deviation of a normal), so that neither one odd
 * value nor many equal ones make it small.
 */
export function recentLevel(values: readonly number[]): RecentLevel | undefined {
  if (values.length < recentRowsMin) return undefined;
  const center = median(values);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  const mad = 1.4826 * median(values.map((value) => Math.abs(value - center)));
  const spread = Math.max(Math.sqrt(variance), mad);
  const isWhole = values.every(Number.isInteger);
  return {
    center,
    spread,
    count: values.length,
    isWhole,
    step: stepOf(values),
    leaps: leapsOf(values, variance),
  };
}

/** Von Neumann's ratio (J. von Neumann, Annals of Mathematical Statistics 12, 1941, p. 367); 0 where nothing varies. */
function leapsOf(values: readonly number[], variance: number): number {
  if (variance === 0) return 0;
  const squares = values.slice(1).reduce((sum, value, i) => sum + (value - (values[i] ?? value)) ** 2, 0);
  return squares / ((values.length - 1) * variance);
}

/** Four decimals. */
const decimals = 1e4;

/** The greatest common divisor of the distances between values; infinite where they are all the same. */
function stepOf(values: readonly number[]): number {
  const [first = 0] = values;
  let step = 0;
  for (const value of values) {
    const distance = Math.abs(value - first) * decimals;
    const whole = Math.round(distance);
    // A double of this size has no more digits than that to be wrong in.
    if (Math.abs(distance - whole) > 1e-9 * Math.max(1, Math.abs(value), Math.abs(first)) * decimals)
      return 0;
    step = divisor(step, whole);
  }
  return step === 0 ? Number.POSITIVE_INFINITY : step / decimals;
}

function divisor(a: number, b: number): number {
  let [large, small] = [a, b];
  while (small > 0) [large, small] = [small, large % small];
  return large;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
