import type { BinnedFeature } from './bins.js';
import { cellSize } from './histogram.js';

export interface Sums {
  readonly gradient: number;
  readonly hessian: number;
  readonly rows: number;
}

/** Rows whose bin is `bin` or lower go left; missing ones where `missingLeft` says. */
export interface Split {
  readonly feature: number;
  readonly bin: number;
  readonly missingLeft: boolean;
  readonly gain: number;
  readonly left: Sums;
  readonly right: Sums;
}

export interface SplitRules {
  readonly minLeafRows: number;
  readonly l2: number;
}

/** A child whose hessians sum to less predicts with certainty already; its value would only overflow. */
const hessianMin = 1e-3;
/** Gains below are rounding of sums of many terms. */
const gainMin = 1e-9;

/** The split that lowers the loss most, or undefined where none is allowed. Missing values are tried on both sides. */
export function bestSplit(
  histogram: Float64Array,
  features: readonly BinnedFeature[],
  offsets: readonly number[],
  total: Sums,
  rules: SplitRules,
): Split | undefined {
  const search = new Search(histogram, total, rules);
  for (let f = 0; f < features.length; f++) {
    const { missingBin } = features[f] as BinnedFeature;
    search.feature(f, (offsets[f] as number) * cellSize, missingBin);
  }
  return search.best;
}

interface Scan {
  readonly feature: number;
  readonly base: number;
  readonly bins: number;
  /** The missing values' cell, and the side they are put on; undefined: none are missing among these rows. */
  readonly missing: { readonly cell: number; readonly left: boolean } | undefined;
}

class Search {
  best: Split | undefined;
  #gain: number;
  readonly #histogram: Float64Array;
  readonly #total: Sums;
  readonly #rules: SplitRules;
  readonly #ownScore: number;

  constructor(histogram: Float64Array, total: Sums, rules: SplitRules) {
    this.#histogram = histogram;
    this.#total = total;
    this.#rules = rules;
    this.#ownScore = total.gradient ** 2 / (total.hessian + rules.l2);
    this.#gain = gainMin * Math.max(1, Math.abs(this.#ownScore));
  }

  feature(feature: number, base: number, missingBin: number): void {
    const missing = base + missingBin * cellSize;
    if ((this.#histogram[missing + 2] as number) === 0) {
      this.#scan({ feature, base, bins: missingBin - 1, missing: undefined });
      return;
    }
    // The last bin too: all values left, the missing ones right.
    this.#scan({ feature, base, bins: missingBin, missing: { cell: missing, left: false } });
    this.#scan({ feature, base, bins: missingBin - 1, missing: { cell: missing, left: true } });
  }

  /** Tries the cuts behind each of the first `bins` bins. */
  #scan({ feature, base, bins, missing }: Scan): void {
    const histogram = this.#histogram;
    const { minLeafRows, l2 } = this.#rules;
    const { gradient, hessian, rows } = this.#total;
    let leftGradient = missing?.left ? (histogram[missing.cell] as number) : 0;
    let leftHessian = missing?.left ? (histogram[missing.cell + 1] as number) : 0;
    let leftRows = missing?.left ? (histogram[missing.cell + 2] as number) : 0;
    for (let bin = 0; bin < bins; bin++) {
      const cell = base + bin * cellSize;
      const cellRows = histogram[cell + 2] as number;
      // An empty bin only repeats the cut before it.
      if (cellRows === 0) continue;
      leftGradient += histogram[cell] as number;
      leftHessian += histogram[cell + 1] as number;
      leftRows += cellRows;
      if (leftRows < minLeafRows || leftHessian < hessianMin) continue;
      const rightRows = rows - leftRows;
      const rightHessian = hessian - leftHessian;
      if (rightRows < minLeafRows || rightHessian < hessianMin) return;
      const rightGradient = gradient - leftGradient;
      const gain =
        leftGradient ** 2 / (leftHessian + l2) + rightGradient ** 2 / (rightHessian + l2) - this.#ownScore;
      if (gain <= this.#gain) continue;
      this.#gain = gain;
      this.best = {
        feature,
        bin,
        gain,
        // Where no value was missing here, the larger child takes those to come.
        missingLeft: missing?.left ?? leftRows >= rightRows,
        left: { gradient: leftGradient, hessian: leftHessian, rows: leftRows },
        right: { gradient: rightGradient, hessian: rightHessian, rows: rightRows },
      };
    }
  }
}
