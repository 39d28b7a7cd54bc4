/** Two-sided 99 %, as a quantile of the normal. */
const z = 2.576;

/**
 * The interval that holds a share with 99 % confidence where `hits` of `trials` hit (Wilson 1927): it stays within 0
 * and 1 and is right for few trials, unlike share +- z * error.
 */
export function wilson(hits: number, trials: number): { low: number; high: number } {
  if (trials === 0) return { low: 0, high: 1 };
  const share = hits / trials;
  const weight = 1 + z ** 2 / trials;
  const centre = (share + z ** 2 / (2 * trials)) / weight;
  const half = (z / weight) * Math.sqrt((share * (1 - share)) / trials + z ** 2 / (4 * trials ** 2));
  return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/** The lower bound in steps of a thousandth, rounded down, so that it still is one. */
export function wilsonLow(hits: number, trials: number): number {
  return Math.floor(wilson(hits, trials).low * 1000) / 1000;
}
