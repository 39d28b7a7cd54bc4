/** The quantile at `share` (0 to 1) of sorted values, linear between neighbours (type 7). NaN for an empty sample. */
export function quantileSorted(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  const at = Math.min(1, Math.max(0, share)) * (sorted.length - 1);
  const low = Math.floor(at);
  const below = sorted[low] as number;
  const above = sorted[Math.min(low + 1, sorted.length - 1)] as number;
  return below + (at - low) * (above - below);
}

/** The median. The values need not be sorted. */
export function median(values: ArrayLike<number>): number {
  return quantileSorted(Float64Array.from(values).sort(), 0.5);
}

/**
 * What a law known by its quantiles at equal steps says about `value`: P(X < value) and P(X <= value). Between two
 * different quantiles it is read as linear; equal quantiles are a point mass.
 */
export function quantileSteps(quantiles: readonly number[], value: number): { below: number; upTo: number } {
  const last = quantiles.length - 1;
  return { below: share(quantiles, value, firstAtLeast(quantiles, value)), upTo: upToOf() };

  function upToOf(): number {
    const after = firstAbove(quantiles, value);
    if (after > last) return 1;
    return share(quantiles, value, after);
  }
}

/** The share at `value`, which lies between quantile `at - 1` and quantile `at`. */
function share(quantiles: readonly number[], value: number, at: number): number {
  const last = quantiles.length - 1;
  if (at === 0) return 0;
  if (at > last) return 1;
  const low = quantiles[at - 1] as number;
  const high = quantiles[at] as number;
  return (at - 1 + (high > low ? (value - low) / (high - low) : 0)) / last;
}

function firstAtLeast(quantiles: readonly number[], value: number): number {
  const at = quantiles.findIndex((quantile) => quantile >= value);
  return at < 0 ? quantiles.length : at;
}

function firstAbove(quantiles: readonly number[], value: number): number {
  const at = quantiles.findIndex((quantile) => quantile > value);
  return at < 0 ? quantiles.length : at;
}
