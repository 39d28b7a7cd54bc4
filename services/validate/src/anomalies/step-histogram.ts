/** Sizes of a column's steps by quarters of an octave: a few dozen counts, whatever the number of rows. */
export type StepHistogram = Record<string, number>;

export function addStep(histogram: StepHistogram, step: number): void {
  const bin = String(Math.ceil(4 * Math.log2(step)));
  histogram[bin] = (histogram[bin] ?? 0) + 1;
}

/** A size that `share` of the steps stay under, up to 19 % too large; 0 where there were none. */
export function usualStep(histogram: StepHistogram, share: number): number {
  const bins = Object.entries(histogram)
    .map(([bin, count]) => [Number(bin), count] as const)
    .sort((a, b) => a[0] - b[0]);
  const all = bins.reduce((sum, [, count]) => sum + count, 0);
  let below = 0;
  for (const [bin, count] of bins) {
    below += count;
    if (below >= share * all) return 2 ** (bin / 4);
  }
  return 0;
}
