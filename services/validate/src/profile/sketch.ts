/**
 * A deterministic quantile sketch: exact until `bufferMax` values, then 200 evenly spaced quantiles that each stand
 * for an equal share of what they were made of. Rank error after compression is below 1 %, ample for medians and
 * 5 % tails.
 */
export interface Sketch {
  /** Sorted; each stands for `weight` values. */
  readonly points: readonly number[];
  readonly weight: number;
  /** Values since the last compression, unsorted. */
  readonly buffer: readonly number[];
}

const pointsMax = 200;
/** Numbers kept exactly; at 8 bytes of JSON each, a column's sketch stays near 4 KiB. */
const bufferMax = 256;

export const emptySketch: Sketch = { points: [], weight: 0, buffer: [] };

/** The sketch with these values added. */
export function sketchAdd(sketch: Sketch, values: readonly number[]): Sketch {
  const buffer = [...sketch.buffer, ...values];
  if (buffer.length <= bufferMax) return { ...sketch, buffer };
  const total = sketch.points.length * sketch.weight + buffer.length;
  const points = quantilesOf(weightedValues({ ...sketch, buffer }), total);
  return { points, weight: total / pointsMax, buffer: [] };
}

/** The sketch of a large set that is known by its evenly spaced quantiles, added. */
export function sketchMerge(sketch: Sketch, quantiles: readonly number[], count: number): Sketch {
  if (quantiles.length === 0 || count === 0) return sketch;
  const own = sketch.points.length * sketch.weight + sketch.buffer.length;
  const weighted = [
    ...weightedValues(sketch),
    ...quantiles.map((value) => [value, count / quantiles.length] as const),
  ];
  const total = own + count;
  const points = quantilesOf(weighted, total);
  return { points, weight: total / pointsMax, buffer: [] };
}

/** The q-quantile, 0 to 1; NaN where the sketch is empty. */
export function sketchQuantile(sketch: Sketch, q: number): number {
  return sketchQuantiles(sketch, [q])[0] ?? Number.NaN;
}

/** Several quantiles at the price of one. */
export function sketchQuantiles(sketch: Sketch, shares: readonly number[]): number[] {
  const weighted = weightedValues(sketch).sort((a, b) => a[0] - b[0]);
  const total = weighted.reduce((sum, [, weight]) => sum + weight, 0);
  return shares.map((q) => atRank(weighted, q * total));
}

function weightedValues(sketch: Sketch): (readonly [number, number])[] {
  return [
    ...sketch.points.map((value) => [value, sketch.weight] as const),
    ...sketch.buffer.map((value) => [value, 1] as const),
  ];
}

function quantilesOf(weighted: (readonly [number, number])[], total: number): number[] {
  const sorted = [...weighted].sort((a, b) => a[0] - b[0]);
  return Array.from({ length: pointsMax }, (_, i) => atRank(sorted, ((i + 0.5) / pointsMax) * total));
}

function atRank(sorted: readonly (readonly [number, number])[], rank: number): number {
  let seen = 0;
  for (const [value, weight] of sorted) {
    seen += weight;
    if (seen >= rank) return value;
  }
  return sorted.at(-1)?.[0] ?? Number.NaN;
}
