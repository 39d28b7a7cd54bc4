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
  return { center, spread, count: values.length, isWhole: values.every(Number.isInteger) };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
