import type { BatchCost } from '../types.js';

/** How fast the past is forgotten: the last fifty runs or so count. */
const forgetting = 0.98;
/** A run that took this many times what was predicted tells more of the machine than of the model. */
const outlier = 5;
/**
 * Variance before the first run, relative to what it took. Forgetting stops there too: where the runs of late say nothing
 * new of one of the two parts, it would be lost.
 */
const uncertaintyMax = 1e6;

/**
 * How much a run counts at the sizes that did not run, which are taken to have become slower as this one has. Where all
 * batches are of one size, nothing else would tell a run's own cost from its rows'.
 */
const elsewhere = 0.3;
/** How fast that is seen: a model of long runs has few of them. */
const scaleSmoothing = 0.2;

/**
 * What a run of n rows takes, S(n) = a + b n in microseconds, learned from runs by recursive least squares over
 * relative errors (Ljung, System Identification, 11.2): a run of 4,096 rows must not drown what a single row says.
 */
export class CostModel {
  readonly #measured: readonly BatchCost[];
  #a = 0;
  #b = 0;
  // The inverse of the information matrix, symmetric.
  #p11 = 0;
  #p12 = 0;
  #p22 = 0;
  #runs = 0;
  /** Of what was measured at load: how much slower runs are now. */
  #scale = 1;
  readonly #atLoad: { a: number; b: number };

  constructor(measured: readonly BatchCost[] = []) {
    for (const { rows, microseconds } of measured) this.#learn(rows, microseconds, 1);
    this.#measured = measured.length > 1 ? [measured[0], measured.at(-1)].flatMap((cost) => cost ?? []) : [];
    this.#runs = measured.length;
    this.#atLoad = { a: this.a, b: this.b };
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
    this.#learn(rows, clipped, 1);
    this.#runs += 1;
    if (this.#measured.length === 0) return;
    const expected = this.#atLoad.a + this.#atLoad.b * rows;
    if (expected > 0) this.#scale += scaleSmoothing * (clipped / expected - this.#scale);
    for (const cost of this.#measured) this.#learn(cost.rows, this.#scale * cost.microseconds, elsewhere);
  }

  #learn(rows: number, microseconds: number, weight: number): void {
    const perRow = microseconds / rows;
    if (this.#p11 === 0) {
      this.#p11 = uncertaintyMax * microseconds ** 2;
      this.#p22 = uncertaintyMax * perRow ** 2;
    }
    const uncertainty = this.#p11 / microseconds ** 2 + this.#p22 / perRow ** 2;
    const x1 = weight / microseconds;
    const x2 = (weight * rows) / microseconds;
    const px1 = this.#p11 * x1 + this.#p12 * x2;
    const px2 = this.#p12 * x1 + this.#p22 * x2;
    const lambda = weight < 1 || uncertainty > uncertaintyMax ? 1 : forgetting;
    const denominator = lambda + x1 * px1 + x2 * px2;
    const error = weight - (x1 * this.#a + x2 * this.#b);
    this.#a += (px1 / denominator) * error;
    this.#b += (px2 / denominator) * error;
    this.#p11 = (this.#p11 - (px1 * px1) / denominator) / lambda;
    this.#p12 = (this.#p12 - (px1 * px2) / denominator) / lambda;
    this.#p22 = (this.#p22 - (px2 * px2) / denominator) / lambda;
  }
}
