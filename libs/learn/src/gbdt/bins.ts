import { randomFrom } from '../random.js';

/** Value bins of a feature; one more is for missing values, so that a bin is a byte. */
const binsMax = 255;
/** Rows that bin edges are taken from: quantiles of so many are as good as those of all. */
const sampleRows = 200_000;

export interface BinnedFeature {
  /** Bin of each row: the number of thresholds below the value, or `thresholds.length + 1` for missing. */
  readonly bins: Uint8Array;
  /** `value <= thresholds[bin]` holds for the bin and all before it. Ascending. */
  readonly thresholds: Float64Array;
  readonly missingBin: number;
}

/** Puts every column into at most 255 bins and one for missing values. */
export function binFeatures(columns: readonly Float64Array[], seed: number): BinnedFeature[] {
  return columns.map((column, at) => binFeature(column, seed + at));
}

function binFeature(column: Float64Array, seed: number): BinnedFeature {
  const thresholds = thresholdsOf(sample(column, seed));
  const missingBin = thresholds.length + 1;
  const bins = new Uint8Array(column.length);
  for (let row = 0; row < column.length; row++) {
    const value = column[row] as number;
    bins[row] = Number.isNaN(value) ? missingBin : binOf(thresholds, value);
  }
  return { bins, thresholds, missingBin };
}

function binOf(thresholds: Float64Array, value: number): number {
  let low = 0;
  let high = thresholds.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value <= (thresholds[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The values that are there, sorted; of a random sample where the rows are many. */
function sample(column: Float64Array, seed: number): Float64Array {
  let drawn = column;
  if (column.length > sampleRows) {
    const random = randomFrom(seed);
    drawn = new Float64Array(sampleRows);
    for (let at = 0; at < sampleRows; at++)
      drawn[at] = column[Math.floor(random() * column.length)] as number;
  }
  return drawn.filter((value) => !Number.isNaN(value)).sort();
}

/** Between neighbours: all of them where they are few, else those at equal shares of the rows. */
function thresholdsOf(sorted: Float64Array): Float64Array {
  const distinct = sorted.filter((value, at) => at === 0 || value !== sorted[at - 1]);
  const thresholds: number[] = [];
  const cut = (at: number): void => {
    const threshold = between(distinct[at] as number, distinct[at + 1] as number);
    if (threshold !== thresholds.at(-1)) thresholds.push(threshold);
  };
  if (distinct.length <= binsMax) {
    for (let at = 0; at + 1 < distinct.length; at++) cut(at);
    return Float64Array.from(thresholds);
  }
  for (let part = 1, at = 0; part < binsMax; part++) {
    const value = sorted[Math.floor((part * sorted.length) / binsMax)] as number;
    while ((distinct[at] as number) < value) at++;
    // The cut lies below the value at the share's end, so that a heavy value starts a bin of its own.
    if (at > 0) cut(at - 1);
  }
  return Float64Array.from(new Set(thresholds));
}

/** `low <= middle < high`, whatever the two are. */
function between(low: number, high: number): number {
  const middle = low + (high - low) / 2;
  return Number.isFinite(middle) && middle < high ? middle : low;
}
