import type { ParameterRule } from '../parameters.js';

export type GbdtParameter = 'trees' | 'learningRate' | 'leaves' | 'minLeafRows' | 'maxDepth' | 'l2' | 'seed';

/** Rows below which a leaf may hold 5 rows instead of 20: some hundred rows could not be told apart otherwise. */
const smallTrainingRows = 1_000;

/** The defaults are those of scikit-learn's HistGradientBoosting, except `minLeafRows` for small training sets. */
export function gbdtRules(rows: number): Record<GbdtParameter, ParameterRule> {
  return {
    trees: { default: 100, min: 1, max: 10_000, integer: true },
    learningRate: { default: 0.1, min: 1e-4, max: 1, integer: false },
    leaves: { default: 31, min: 2, max: 4_096, integer: true },
    minLeafRows: { default: rows < smallTrainingRows ? 5 : 20, min: 1, max: 1_000_000, integer: true },
    /** 0: no bound but the leaves. */
    maxDepth: { default: 0, min: 0, max: 64, integer: true },
    l2: { default: 0, min: 0, max: 1e6, integer: false },
    /** Of the sample that bin edges are taken from, where there are more rows than it holds. */
    seed: { default: 1, min: 0, max: 2 ** 32 - 1, integer: true },
  };
}
