import { CountTable } from './count-table.js';
import { DistinctSketch } from './distinct.js';
import { Extremes } from './extremes.js';
import { FrequentSketch } from './frequent.js';
import { addToMoments, emptyMoments, type MomentsState, mergeMoments } from './moments-sketch.js';
import { QuantileSketch } from './quantile-sketch.js';

/** What a sketch of numbers is kept as; bytes of the distinct sketch apart, since they are not JSON. */
export interface NumberSketchState {
  readonly moments: MomentsState;
  readonly nan: number;
  readonly infinite: number;
  readonly fractional: number;
  /** Every value and its count, while there are few. */
  readonly exact?: readonly (readonly [number, number])[];
  readonly sketched?: {
    readonly distinct: Uint8Array;
    readonly quantiles: { levels: number[][]; coin: number };
    readonly frequent: { values: [number, number][]; error: number };
    readonly extremes: { low: [number, number][]; high: [number, number][] };
  };
}

interface Sketched {
  readonly distinct: DistinctSketch;
  readonly quantiles: QuantileSketch;
  readonly frequent: FrequentSketch<number>;
  readonly extremes: Extremes;
}

/** Values of a large column that quantiles and frequent values are read from: rank error 0.73 % in 99 of 100
 * cases (Dvoretzky, Kiefer, Wolfowitz, Massart). */
const sampleMin = 49_152;
/** Drawn values that are sorted at once. */
const batchLength = 4096;
/** Longest block that one value is drawn from. */
const samplingLevelMax = 10;

/**
 * What is known of a column of numbers in a few KiB: exactly every value and its count while there are at most 1,024
 * different ones, sketches beyond. Missing cells are the caller's; NaN and infinities are counted and left out of all else.
 */
export class NumberSketch {
  readonly moments: MomentsState;
  /** Cells that are NaN; one who hands missing cells over as NaN takes them off. */
  nan: number;
  #infinite: number;
  #fractional: number;
  #exact: CountTable | undefined;
  #sketched: Sketched | undefined;
  #scratch = new Float64Array(0);
  readonly #block: Float64Array;
  #blockSize = 0;
  /** Drawn values that wait to be sorted together. */
  #batch = new Float64Array(0);
  readonly #batchLength: number;
  #batchSize = 0;
  #draw = 0x2545f491;
  readonly #samplingLevel: number;

  /** `expected` values will be added at most; with twice `sampleMin` and more one of each block stands for its block. */
  constructor({ state, expected = 0 }: { state?: NumberSketchState; expected?: number } = {}) {
    const level = Math.floor(Math.log2(Math.max(1, expected / sampleMin)));
    this.#samplingLevel = Math.min(samplingLevelMax, level);
    this.#block = new Float64Array(this.#samplingLevel === 0 ? 0 : 1 << this.#samplingLevel);
    this.#batchLength = expected < batchLength ? 256 : batchLength;
    this.moments = state ? { ...state.moments } : emptyMoments();
    this.nan = state?.nan ?? 0;
    this.#infinite = state?.infinite ?? 0;
    this.#fractional = state?.fractional ?? 0;
    if (state?.sketched) this.#sketched = sketchedFrom(state.sketched);
    else {
      this.#exact = new CountTable();
      for (const [value, count] of state?.exact ?? []) this.#exact.add(value, count);
    }
  }

  get infinite(): number {
    return this.#infinite;
  }

  /** Finite values with a fraction. */
  get fractional(): number {
    return this.#fractional;
  }

  add(value: number): void {
    this.addAll(Float64Array.of(value), 1);
  }

  /** Adds the first `count` of these values. */
  addAll(values: Float64Array, count: number = values.length): void {
    if (this.#scratch.length < count) this.#scratch = new Float64Array(count);
    const finite = this.#scratch;
    let [size, fractional] = [0, 0];
    for (let i = 0; i < count; i++) {
      const value = values[i] as number;
      if (value - value !== 0) {
        if (Number.isNaN(value)) this.nan++;
        else this.#infinite++;
        continue;
      }
      // 0 and -0 are one value.
      finite[size++] = value + 0;
      if (Math.floor(value) !== value) fractional++;
    }
    this.#fractional += fractional;
    addToMoments(this.moments, finite, size);
    this.#addFinite(finite, size);
  }

  /** Adds a finite value that occurs `count` times. */
  addTimes(value: number, count: number): void {
    mergeMoments(this.moments, { count, mean: value, squares: 0, min: value, max: value });
    if (Math.floor(value) !== value) this.#fractional += count;
    this.#addTimes(value + 0, count);
  }

  merge(other: NumberSketch): void {
    other.finish();
    mergeMoments(this.moments, other.moments);
    this.nan += other.nan;
    this.#infinite += other.#infinite;
    this.#fractional += other.#fractional;
    if (other.#exact) {
      for (const [value, count] of other.#exact.entries()) this.#addTimes(value, count);
      return;
    }
    const [mine, theirs] = [this.#sketch(), other.#sketched as Sketched];
    mine.distinct.merge(theirs.distinct);
    mine.quantiles.merge(theirs.quantiles);
    mine.frequent.merge(theirs.frequent);
    mine.extremes.merge(theirs.extremes);
  }

  /** Every value and its count by value, or nothing where there were too many. */
  exactCounts(): [number, number][] | undefined {
    return this.#exact?.entries();
  }

  distinct(): { count: number; isExact: boolean } {
    if (this.#exact) return { count: this.#exact.size, isExact: true };
    return { count: Math.min(this.#sketch().distinct.estimate(), this.moments.count), isExact: false };
  }

  quantiles(shares: readonly number[]): number[] {
    this.finish();
    if (!this.#exact) return this.#sketch().quantiles.quantiles(shares);
    const entries = this.#exact.entries();
    return shares.map((share) => {
      let seen = 0;
      for (const [value, count] of entries) {
        seen += count;
        if (seen >= share * this.moments.count) return value;
      }
      return entries.at(-1)?.[0] ?? Number.NaN;
    });
  }

  /** Share of the values that are no larger. */
  rank(value: number): number {
    this.finish();
    if (!this.#exact) return this.#sketch().quantiles.rank(value);
    const below = this.#exact.entries().reduce((sum, [one, count]) => sum + (one <= value ? count : 0), 0);
    return below / this.moments.count;
  }

  /** The most frequent values; each count is at most `error` too small, and of a sample where there were many. */
  top(count: number): { values: { value: number; count: number }[]; error: number; isExact: boolean } {
    this.finish();
    if (this.#exact) {
      const values = this.#exact.entries().sort((a, b) => b[1] - a[1] || a[0] - b[0]);
      return {
        values: values.slice(0, count).map(([value, times]) => ({ value, count: times })),
        error: 0,
        isExact: true,
      };
    }
    const { frequent } = this.#sketch();
    return { values: frequent.top(count), error: frequent.error, isExact: false };
  }

  /** The 16 smallest and the 16 largest distinct values with their exact counts, the outermost first. */
  extremes(): { low: [number, number][]; high: [number, number][] } {
    if (!this.#exact) return this.#sketch().extremes.state();
    const extremes = new Extremes();
    for (const [value, count] of this.#exact.entries()) extremes.add(value, count);
    return extremes.state();
  }

  /** Counts of values in (edges[i], edges[i + 1]], the first edge included, to the sketch's rank error. */
  histogram(edges: readonly number[]): number[] {
    const below = edges.map((edge) => this.rank(edge) * this.moments.count);
    const counts = below.slice(1).map((count, i) => count - (below[i] as number));
    const first = edges[0];
    if (first !== undefined && counts.length > 0) {
      const atFirst = this.exactCounts()?.find(([value]) => value === first)?.[1] ?? 0;
      counts[0] = (counts[0] as number) + atFirst;
    }
    return counts.map(Math.round);
  }

  state(): NumberSketchState {
    this.finish();
    const { nan, infinite, fractional } = this;
    const shared = { moments: this.moments, nan, infinite, fractional };
    if (this.#exact) return { ...shared, exact: this.#exact.entries() };
    const { distinct, quantiles, frequent, extremes } = this.#sketch();
    const sketched = {
      distinct: distinct.bytes(),
      quantiles: quantiles.state(),
      frequent: frequent.state(),
      extremes: extremes.state(),
    };
    return { ...shared, sketched };
  }

  /** Takes in what is left of a block that did not fill; called before anything is read. */
  finish(): void {
    this.#sortBatch();
    for (let i = 0; i < this.#blockSize; i++) this.#addTimesSketched(this.#block[i] as number, 1);
    this.#blockSize = 0;
  }

  #addFinite(values: Float64Array, count: number): void {
    let from = 0;
    if (this.#exact) {
      while (from < count && this.#exact.add(values[from] as number, 1)) from++;
      if (from === count) return;
    }
    const { distinct, extremes } = this.#sketch();
    const rest = from === 0 ? values : values.subarray(from, count);
    distinct.addNumbers(rest, count - from);
    extremes.addAll(rest, count - from);
    this.#sample(rest, count - from);
  }

  #sample(values: Float64Array, count: number): void {
    const level = this.#samplingLevel;
    if (level === 0) {
      for (let i = 0; i < count; i++) this.#addSampled(values[i] as number);
      return;
    }
    const length = 1 << level;
    let from = 0;
    if (this.#blockSize > 0) {
      while (this.#blockSize < length && from < count)
        this.#block[this.#blockSize++] = values[from++] as number;
      if (this.#blockSize < length) return;
      this.#addSampled(this.#block[this.#next() & (length - 1)] as number);
      this.#blockSize = 0;
    }
    for (; from + length <= count; from += length) {
      this.#addSampled(values[from + (this.#next() & (length - 1))] as number);
    }
    while (from < count) this.#block[this.#blockSize++] = values[from++] as number;
  }

  #addSampled(value: number): void {
    if (this.#batch.length === 0) this.#batch = new Float64Array(this.#batchLength);
    this.#batch[this.#batchSize++] = value;
    if (this.#batchSize === this.#batchLength) this.#sortBatch();
  }

  #sortBatch(): void {
    if (this.#batchSize === 0) return;
    const sorted = this.#batch.subarray(0, this.#batchSize).sort();
    const { quantiles, frequent } = this.#sketch();
    quantiles.addSorted(sorted, this.#samplingLevel);
    frequent.addSorted(sorted, 2 ** this.#samplingLevel);
    this.#batchSize = 0;
  }

  #addTimesSketched(value: number, count: number): void {
    const { quantiles, frequent } = this.#sketch();
    quantiles.addTimes(value, count);
    frequent.add(value, count);
  }

  #addTimes(value: number, count: number): void {
    if (this.#exact?.add(value, count)) return;
    const { distinct, extremes } = this.#sketch();
    distinct.addNumber(value);
    extremes.add(value, count);
    this.#addTimesSketched(value, count);
  }

  /** The sketches; made from the exact counts where there were none. */
  #sketch(): Sketched {
    if (this.#sketched) return this.#sketched;
    const entries = this.#exact?.entries() ?? [];
    this.#exact = undefined;
    this.#sketched = {
      distinct: new DistinctSketch(),
      quantiles: new QuantileSketch(),
      frequent: new FrequentSketch(),
      extremes: new Extremes(),
    };
    for (const [value, count] of entries) this.#addTimes(value, count);
    return this.#sketched;
  }

  /** Marsaglia's xorshift32: which value of a block is drawn. */
  #next(): number {
    let x = this.#draw;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#draw = x;
    return x >>> 0;
  }
}

function sketchedFrom({
  distinct,
  quantiles,
  frequent,
  extremes,
}: NonNullable<NumberSketchState['sketched']>) {
  return {
    distinct: new DistinctSketch(distinct.slice()),
    quantiles: new QuantileSketch(quantiles),
    frequent: new FrequentSketch<number>(frequent),
    extremes: new Extremes(extremes),
  };
}
