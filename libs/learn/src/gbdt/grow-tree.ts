import type { BinnedFeature } from './bins.js';
import { cellOffsets, cellSize, fillHistogram, subtract } from './histogram.js';
import { bestSplit, type Split, type SplitRules, type Sums } from './split.js';
import type { Tree } from './tree.js';

export interface GrowRules extends SplitRules {
  readonly leaves: number;
  /** 0: no bound. */
  readonly maxDepth: number;
  readonly learningRate: number;
}

/** A leaf that may still be split; its rows are `rows[start, end)`. */
interface Leaf {
  readonly node: number;
  readonly start: number;
  readonly end: number;
  readonly depth: number;
  readonly total: Sums;
  histogram: Float64Array | undefined;
  split: Split | undefined;
}

/**
 * Grows trees over the same binned rows, best leaf first; buffers are kept between trees. Of two children only the
 * smaller one's histogram is summed, the other one's is the difference to the parent's.
 */
export class TreeGrower {
  readonly #features: readonly BinnedFeature[];
  readonly #rules: GrowRules;
  readonly #offsets: readonly number[];
  readonly #cells: number;
  readonly #rows: Uint32Array;
  readonly #moved: Uint32Array;
  readonly #nodeGradients: Float64Array;
  #nodeHessians: Float64Array | undefined;
  readonly #spare: Float64Array[] = [];

  constructor(features: readonly BinnedFeature[], rowCount: number, rules: GrowRules) {
    this.#features = features;
    this.#rules = rules;
    const { offsets, cells } = cellOffsets(features);
    this.#offsets = offsets;
    this.#cells = cells;
    this.#rows = new Uint32Array(rowCount);
    this.#moved = new Uint32Array(rowCount);
    this.#nodeGradients = new Float64Array(rowCount >> 1);
  }

  /** One tree for these gradients; its leaves' values are added to `scores`. A lone root means: nothing to gain. */
  grow(gradients: Float64Array, hessians: Float64Array | undefined, scores: Float64Array): Tree {
    const tree: Tree = { feature: [], threshold: [], missingLeft: [], left: [], right: [], value: [] };
    const rows = this.#rows;
    for (let row = 0; row < rows.length; row++) rows[row] = row;
    const root = this.#root(addNode(tree), gradients, hessians);
    const leaves = [root];
    while (leaves.length < this.#rules.leaves) {
      const leaf = bestLeaf(leaves);
      if (!leaf?.split) break;
      const isLast = leaves.length + 1 === this.#rules.leaves;
      const children = this.#split(tree, leaf, leaf.split);
      if (!isLast) this.#look(leaf, children, gradients, hessians);
      else this.#release(leaf);
      leaves.splice(leaves.indexOf(leaf), 1, ...children);
    }
    for (const leaf of leaves) this.#settle(tree, leaf, scores);
    return tree;
  }

  #root(node: number, gradients: Float64Array, hessians: Float64Array | undefined): Leaf {
    const count = this.#rows.length;
    let gradient = 0;
    let hessian = hessians ? 0 : count;
    for (let row = 0; row < count; row++) gradient += gradients[row] as number;
    if (hessians) for (let row = 0; row < count; row++) hessian += hessians[row] as number;
    const total = { gradient, hessian, rows: count };
    const histogram = this.#take();
    fillHistogram(histogram, this.#features, this.#offsets, { rows: undefined, gradients, hessians, count });
    const leaf: Leaf = { node, start: 0, end: count, depth: 0, total, histogram, split: undefined };
    leaf.split = this.#bestSplit(leaf);
    return leaf;
  }

  /** Puts the leaf's rows into two groups, each in the order it was in, and makes the leaf an inner node. */
  #split(tree: Tree, leaf: Leaf, { feature, bin, missingLeft, left, right }: Split): [Leaf, Leaf] {
    const { bins, thresholds, missingBin } = this.#features[feature] as BinnedFeature;
    const goesLeft = new Uint8Array(256).fill(1, 0, bin + 1);
    goesLeft[missingBin] = missingLeft ? 1 : 0;
    const rows = this.#rows;
    const moved = this.#moved;
    let middle = leaf.start;
    let movedCount = 0;
    for (let at = leaf.start; at < leaf.end; at++) {
      const row = rows[at] as number;
      if (goesLeft[bins[row] as number] === 1) rows[middle++] = row;
      else moved[movedCount++] = row;
    }
    rows.set(moved.subarray(0, movedCount), middle);
    const { node } = leaf;
    tree.feature[node] = feature;
    tree.threshold[node] = thresholds[bin] ?? Number.POSITIVE_INFINITY;
    tree.missingLeft[node] = missingLeft;
    const depth = leaf.depth + 1;
    const child = (start: number, end: number, total: Sums): Leaf => {
      return { node: addNode(tree), start, end, depth, total, histogram: undefined, split: undefined };
    };
    const children: [Leaf, Leaf] = [child(leaf.start, middle, left), child(middle, leaf.end, right)];
    tree.left[node] = children[0].node;
    tree.right[node] = children[1].node;
    return children;
  }

  /** Finds the children's best splits, as far as they may be split at all. */
  #look(
    parent: Leaf,
    children: [Leaf, Leaf],
    gradients: Float64Array,
    hessians: Float64Array | undefined,
  ): void {
    const [small, large] =
      children[0].total.rows <= children[1].total.rows ? children : [children[1], children[0]];
    if (!this.#maySplit(large) || !parent.histogram) {
      this.#release(parent);
      return;
    }
    small.histogram = this.#take();
    this.#fill(small.histogram, small, gradients, hessians);
    subtract(parent.histogram, small.histogram);
    large.histogram = parent.histogram;
    parent.histogram = undefined;
    for (const leaf of [small, large]) {
      leaf.split = this.#bestSplit(leaf);
      if (!leaf.split) this.#release(leaf);
    }
  }

  /** Gathers the leaf's gradients first: each is read once for every feature, and in order is faster. */
  #fill(
    histogram: Float64Array,
    { start, end }: Leaf,
    gradients: Float64Array,
    hessians: Float64Array | undefined,
  ): void {
    const rows = this.#rows.subarray(start, end);
    const count = rows.length;
    const nodeGradients = this.#nodeGradients;
    for (let at = 0; at < count; at++) nodeGradients[at] = gradients[rows[at] as number] as number;
    let nodeHessians: Float64Array | undefined;
    if (hessians) {
      this.#nodeHessians ??= new Float64Array(nodeGradients.length);
      nodeHessians = this.#nodeHessians;
      for (let at = 0; at < count; at++) nodeHessians[at] = hessians[rows[at] as number] as number;
    }
    fillHistogram(histogram, this.#features, this.#offsets, {
      rows,
      gradients: nodeGradients,
      hessians: nodeHessians,
      count,
    });
  }

  #bestSplit(leaf: Leaf): Split | undefined {
    if (!leaf.histogram || !this.#maySplit(leaf)) return undefined;
    return bestSplit(leaf.histogram, this.#features, this.#offsets, leaf.total, this.#rules);
  }

  #maySplit({ depth, total }: Leaf): boolean {
    const { maxDepth, minLeafRows } = this.#rules;
    return (maxDepth === 0 || depth < maxDepth) && total.rows >= 2 * minLeafRows;
  }

  #settle(tree: Tree, leaf: Leaf, scores: Float64Array): void {
    const { gradient, hessian } = leaf.total;
    const value = (-this.#rules.learningRate * gradient) / (hessian + this.#rules.l2);
    tree.value[leaf.node] = value;
    const rows = this.#rows;
    for (let at = leaf.start; at < leaf.end; at++) (scores[rows[at] as number] as number) += value;
    this.#release(leaf);
  }

  #take(): Float64Array {
    return this.#spare.pop() ?? new Float64Array(this.#cells * cellSize);
  }

  #release(leaf: Leaf): void {
    if (leaf.histogram) this.#spare.push(leaf.histogram);
    leaf.histogram = undefined;
  }
}

function addNode(tree: Tree): number {
  tree.feature.push(0);
  tree.threshold.push(0);
  tree.missingLeft.push(false);
  tree.left.push(0);
  tree.right.push(0);
  return tree.value.push(0) - 1;
}

/** The one with the largest gain; of equals the first. */
function bestLeaf(leaves: readonly Leaf[]): Leaf | undefined {
  let best: Leaf | undefined;
  for (const leaf of leaves) {
    if (leaf.split && (!best?.split || leaf.split.gain > best.split.gain)) best = leaf;
  }
  return best;
}
