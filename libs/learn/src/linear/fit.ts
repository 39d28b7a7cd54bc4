import { sigmoid } from '../sigmoid.js';
import { solveSymmetric } from './solve.js';

export interface LinearFit {
  readonly weights: Float64Array;
  readonly intercept: number;
}

/** Newton's method needs under ten steps; more says that the labels are separable, and the penalty ends it. */
const stepsMax = 50;
const toleranceRelative = 1e-10;

/** Ridge regression over scaled columns (mean 0): the squared error plus `l2` times the squared weights. */
export function fitRidge(columns: readonly Float64Array[], label: Float64Array, l2: number): LinearFit {
  let mean = 0;
  for (const value of label) mean += value / label.length;
  const centred = label.map((value) => value - mean);
  const right = Float64Array.from(columns, (column) => dot(column, centred));
  return { weights: solveSymmetric(gram(columns, undefined, l2), right), intercept: mean };
}

/** Logistic regression by Newton's method: log loss plus `l2 / 2` times the squared weights. */
export function fitLogistic(columns: readonly Float64Array[], label: Float64Array, l2: number): LinearFit {
  const ones = new Float64Array(label.length).fill(1);
  const all = [...columns, ones];
  const parameters = new Float64Array(all.length);
  const last = columns.length;
  let loss = lossOf(all, label, parameters, l2);
  for (let step = 0; step < stepsMax; step++) {
    const probabilities = scoresOf(all, parameters).map(sigmoid);
    const errors = label.map((value, row) => value - (probabilities[row] as number));
    const spread = probabilities.map((p) => Math.max(p * (1 - p), 1e-12));
    const right = Float64Array.from(all, (column, at) => {
      return dot(column, errors) - (at < last ? l2 * (parameters[at] as number) : 0);
    });
    const matrix = gram(all, spread, l2);
    // The intercept is not drawn to 0; a trace keeps the matrix regular where all labels are equal.
    matrix[matrix.length - 1] = (matrix.at(-1) as number) - l2 + 1e-9;
    const direction = solveSymmetric(matrix, right);
    const before = loss;
    loss = walk(all, label, parameters, direction, l2, before);
    if (before - loss <= toleranceRelative * Math.max(1, before)) break;
  }
  return { weights: parameters.slice(0, last), intercept: parameters[last] as number };
}

/** Goes along `direction`, half as far while the loss does not fall; changes `parameters` and returns the loss there. */
function walk(
  columns: readonly Float64Array[],
  label: Float64Array,
  parameters: Float64Array,
  direction: Float64Array,
  l2: number,
  before: number,
): number {
  for (let length = 1; length > 1e-6; length /= 2) {
    const trial = parameters.map((value, at) => value + length * (direction[at] as number));
    const loss = lossOf(columns, label, trial, l2);
    if (loss < before) {
      parameters.set(trial);
      return loss;
    }
  }
  return before;
}

function lossOf(
  columns: readonly Float64Array[],
  label: Float64Array,
  parameters: Float64Array,
  l2: number,
): number {
  const scores = scoresOf(columns, parameters);
  let loss = 0;
  for (let row = 0; row < label.length; row++) {
    const score = scores[row] as number;
    // log(1 + e^score) - label * score, without overflow
    loss += Math.max(score, 0) + Math.log1p(Math.exp(-Math.abs(score))) - (label[row] as number) * score;
  }
  for (let at = 0; at < parameters.length - 1; at++) loss += (l2 / 2) * (parameters[at] as number) ** 2;
  return loss;
}

function scoresOf(columns: readonly Float64Array[], parameters: Float64Array): Float64Array {
  const scores = new Float64Array((columns[0] as Float64Array).length);
  for (let at = 0; at < columns.length; at++) {
    const column = columns[at] as Float64Array;
    const weight = parameters[at] as number;
    for (let row = 0; row < scores.length; row++) (scores[row] as number) += weight * (column[row] as number);
  }
  return scores;
}

/** The weighted products of all pairs of columns, `l2` added on the diagonal. */
function gram(columns: readonly Float64Array[], weights: Float64Array | undefined, l2: number): Float64Array {
  const size = columns.length;
  const products = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    const own = columns[i] as Float64Array;
    const weighted = weights ? own.map((value, row) => value * (weights[row] as number)) : own;
    for (let j = 0; j <= i; j++) {
      const product = dot(weighted, columns[j] as Float64Array) + (i === j ? l2 : 0);
      products[i * size + j] = product;
      products[j * size + i] = product;
    }
  }
  return products;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let row = 0; row < a.length; row++) sum += (a[row] as number) * (b[row] as number);
  return sum;
}
