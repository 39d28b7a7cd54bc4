import type { Task } from '../table.js';
import { binFeatures } from './bins.js';
import { TreeGrower } from './grow-tree.js';
import type { GbdtParameter } from './settings.js';
import type { Tree } from './tree.js';

export interface Ensemble {
  /** The score before any tree: the mean, or the log-odds of it. */
  readonly base: number;
  readonly trees: Tree[];
}

/** Keeps the log-odds finite where all labels are equal. */
const shareMin = 1e-6;

/**
 * Gradient boosting over histograms: squared loss, or log loss for classification. Ends early when a tree cannot
 * split any more. The same input gives the same bits.
 */
export function boost(
  columns: readonly Float64Array[],
  label: Float64Array,
  task: Task,
  parameters: Readonly<Record<GbdtParameter, number>>,
  onTree?: (tree: number) => void,
): Ensemble {
  const rows = label.length;
  const base = baseOf(label, task);
  const grower = new TreeGrower(binFeatures(columns, parameters.seed), rows, parameters);
  const scores = new Float64Array(rows).fill(base);
  const gradients = new Float64Array(rows);
  const hessians = task === 'classification' ? new Float64Array(rows) : undefined;
  const trees: Tree[] = [];
  while (trees.length < parameters.trees) {
    if (hessians) logisticLoss(scores, label, gradients, hessians);
    else squaredLoss(scores, label, gradients);
    const tree = grower.grow(gradients, hessians, scores);
    if (tree.left[0] === 0) break;
    trees.push(tree);
    onTree?.(trees.length);
  }
  return { base, trees };
}

function baseOf(label: Float64Array, task: Task): number {
  let sum = 0;
  for (const value of label) sum += value;
  const mean = sum / label.length;
  if (task === 'regression') return mean;
  const share = Math.min(1 - shareMin, Math.max(shareMin, mean));
  return Math.log(share / (1 - share));
}

function squaredLoss(scores: Float64Array, label: Float64Array, gradients: Float64Array): void {
  for (let row = 0; row < label.length; row++) {
    gradients[row] = (scores[row] as number) - (label[row] as number);
  }
}

function logisticLoss(
  scores: Float64Array,
  label: Float64Array,
  gradients: Float64Array,
  hessians: Float64Array,
): void {
  for (let row = 0; row < label.length; row++) {
    const probability = 1 / (1 + Math.exp(-(scores[row] as number)));
    gradients[row] = probability - (label[row] as number);
    hessians[row] = probability * (1 - probability);
  }
}
