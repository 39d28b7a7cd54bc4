import type { BatchCost } from '../types.js';

/** How fast the past is forgotten: the last fifty runs or so count. */
const forgetting = 0.98;
/** A run that took this many times what was predicted tells more of the machine than of the model. */
const outlier = 5;
/** Forgetting stops where the runs of late say nothing new of one of the two, or it would be lost. */
const uncertaintyMax = 1e12;

/**
 * What a run of n rows takes, S(n) = a + b n in microseconds, learned from runs by recursive least squares over
 * relative errors (Ljung, System Identification, 11.2): a run of 4,096 rows must not drown what a single row says.
 */
export class CostModel {
  #a = 0;
  #b = 0;
  // The inverse of the information matrix, symmetric.
  #p11 = 1e12;
  #p12 = 0;
  #p22 = 1e12;
  #runs = 0;

  constructor(measured: readonly BatchCost[] = []) {
    for (const { rows, microseconds } of measured) this.observe(rows, microseconds);
  }

  /** False until the first run: predictions are 0 then. */
  get isKnown(): boolean {
    return this.#runs > 0;
  }

  /** Of a run, in microseconds. */
  get a(): number {
    return Math.max(0, this.#a);
  }

  /** Of a row, in microseconds. */
  get b(): number {
    return Math.max(0, this.#b);
  }

  /** Microseconds. */
  predict(rows: number): number {
    return this.a + this.b * rows;
  }

  observe(rows: number, microseconds: number): void {
    if (!(microseconds > 0) || rows < 1) return;
    const clipped = this.#runs < 4 ? microseconds : Math.min(microseconds, outlier * this.predict(rows));
    const weight = 1 / clipped;
    const x1 = weight;
    const x2 = weight * rows;
    const px1 = this.#p11 * x1 + this.#p12 * x2;
    const px2 = this.#p12 * x1 + this.#p22 * x2;
    const lambda = this.#p11 + this.#p22 > uncertaintyMax ? 1 : forgetting;
    const denominator = lambda + x1 * px1 + x2 * px2;
    const error = 1 - (x1 * this.#a + x2 * this.#b);
    this.#a += (px1 / denominator) * error;
    this.#b += (px2 / denominator) * error;
    this.#p11 = (this.#p11 - (px1 * px1) / denominator) / lambda;
    this.#p12 = (this.#p12 - (px1 * px2) / denominator) / lambda;
    this.#p22 = (this.#p22 - (px2 * px2) / denominator) / lambda;
    this.#runs += 1;
  }
}
