import type { BinnedFeature } from './bins.js';

/** First cell of each feature in a histogram. A feature has a cell for each bin and one for missing values. */
export function cellOffsets(features: readonly BinnedFeature[]): { offsets: number[]; cells: number } {
  let cells = 0;
  const offsets = features.map(({ missingBin }) => {
    const offset = cells;
    cells += missingBin + 1;
    return offset;
  });
  return { offsets, cells };
}

/** Numbers in a cell: sum of gradients, sum of hessians, rows. */
export const cellSize = 3;

/** What a histogram is summed from: gradients in the order of `rows`. */
export interface NodeRows {
  /** Row numbers; undefined: all rows in their order. */
  readonly rows: Uint32Array | undefined;
  readonly gradients: Float64Array;
  /** Undefined: 1 everywhere, as for the squared loss. */
  readonly hessians: Float64Array | undefined;
  readonly count: number;
}

/** Sums gradients, hessians and rows by feature and bin. This is where training spends its time. */
export function fillHistogram(
  histogram: Float64Array,
  features: readonly BinnedFeature[],
  offsets: readonly number[],
  node: NodeRows,
): void {
  histogram.fill(0);
  for (let f = 0; f < features.length; f++) {
    const { bins } = features[f] as BinnedFeature;
    const base = (offsets[f] as number) * cellSize;
    if (node.hessians) addWithHessians(histogram, base, bins, node, node.hessians);
    else addWithoutHessians(histogram, base, bins, node);
  }
  if (!node.hessians) {
    for (let cell = 0; cell < histogram.length; cell += cellSize)
      histogram[cell + 1] = histogram[cell + 2] as number;
  }
}

function addWithHessians(
  histogram: Float64Array,
  base: number,
  bins: Uint8Array,
  { rows, gradients, count }: NodeRows,
  hessians: Float64Array,
): void {
  if (rows) {
    for (let at = 0; at < count; at++) {
      const cell = base + (bins[rows[at] as number] as number) * cellSize;
      (histogram[cell] as number) += gradients[at] as number;
      (histogram[cell + 1] as number) += hessians[at] as number;
      (histogram[cell + 2] as number) += 1;
    }
    return;
  }
  for (let at = 0; at < count; at++) {
    const cell = base + (bins[at] as number) * cellSize;
    (histogram[cell] as number) += gradients[at] as number;
    (histogram[cell + 1] as number) += hessians[at] as number;
    (histogram[cell + 2] as number) += 1;
  }
}

function addWithoutHessians(
  histogram: Float64Array,
  base: number,
  bins: Uint8Array,
  { rows, gradients, count }: NodeRows,
): void {
  for (let at = 0; at < count; at++) {
    const row = rows ? (rows[at] as number) : at;
    const cell = base + (bins[row] as number) * cellSize;
    (histogram[cell] as number) += gradients[at] as number;
    (histogram[cell + 2] as number) += 1;
  }
}

/** Makes `parent` the other child's histogram: what is not in one child is in the other. */
export function subtract(parent: Float64Array, child: Float64Array): void {
  for (let at = 0; at < parent.length; at++) (parent[at] as number) -= child[at] as number;
}
