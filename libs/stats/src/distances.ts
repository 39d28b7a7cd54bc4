import { quantileSorted } from './quantiles.js';

/** Wasserstein-1 distance of two samples, in their unit: the area between the two distribution functions. */
export function wasserstein(x: ArrayLike<number>, y: ArrayLike<number>): number {
  const a = Float64Array.from(x).sort();
  const b = Float64Array.from(y).sort();
  if (a.length === 0 || b.length === 0) return 0;
  let distance = 0;
  let i = 0;
  let j = 0;
  let previous = Math.min(a[0] as number, b[0] as number);
  while (i < a.length || j < b.length) {
    const value = Math.min(a[i] ?? Number.POSITIVE_INFINITY, b[j] ?? Number.POSITIVE_INFINITY);
    distance += Math.abs(i / a.length - j / b.length) * (value - previous);
    while (i < a.length && a[i] === value) i++;
    while (j < b.length && b[j] === value) j++;
    previous = value;
  }
  return distance;
}

/** Wasserstein-1 distance over the reference's standard deviation; without unit. 0 where neither varies. */
export function wassersteinNormed(distance: number, referenceSd: number): number {
  if (distance === 0) return 0;
  return distance / Math.max(referenceSd, Number.MIN_VALUE);
}

/**
 * Wasserstein-1 distance of a sorted sample and a law known by its quantiles at equal steps: the mean distance of equal
 * quantiles, by the midpoint rule over the reference's steps.
 */
export function wassersteinToQuantiles(sample: ArrayLike<number>, quantiles: readonly number[]): number {
  const steps = quantiles.length - 1;
  if (sample.length === 0 || steps < 1) return 0;
  let sum = 0;
  for (let step = 0; step < steps; step++) {
    const reference = ((quantiles[step] as number) + (quantiles[step + 1] as number)) / 2;
    sum += Math.abs(quantileSorted(sample, (step + 0.5) / steps) - reference);
  }
  return sum / steps;
}

export type Counts = Readonly<Record<string, number>>;

/** Half the sum of differences of the shares, 0 to 1; a category absent on one side counts as 0 there. */
export function totalVariation(x: Counts, y: Counts): number {
  const nx = total(x);
  const ny = total(y);
  if (nx === 0 || ny === 0) return 0;
  let sum = 0;
  for (const name of new Set([...Object.keys(x), ...Object.keys(y)])) {
    sum += Math.abs((x[name] ?? 0) / nx - (y[name] ?? 0) / ny);
  }
  return sum / 2;
}

export function total(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
