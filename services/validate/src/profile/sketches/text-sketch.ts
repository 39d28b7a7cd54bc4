import { exactMax } from './count-table.js';
import { DistinctSketch } from './distinct.js';
import { FrequentSketch } from './frequent.js';

export interface TextSketchState {
  readonly count: number;
  /** Characters (UTF-16 units) of the shortest and the longest text, and of all. */
  readonly shortest: number;
  readonly longest: number;
  readonly characters: number;
  readonly exact?: readonly (readonly [string, number])[];
  readonly sketched?: {
    readonly distinct: Uint8Array;
    readonly frequent: { values: [string, number][]; error: number };
  };
}

/** Longer texts are counted by their beginning: what they are is not told by the rest. */
const lengthMax = 200;

/** What is known of a column of texts: every one and its count while there are at most 1,024, sketches beyond. */
export class TextSketch {
  #count: number;
  #shortest: number;
  #longest: number;
  #characters: number;
  #exact: Map<string, number> | undefined;
  #sketched: { distinct: DistinctSketch; frequent: FrequentSketch<string> } | undefined;

  constructor(state?: TextSketchState) {
    this.#count = state?.count ?? 0;
    this.#shortest = state?.shortest ?? Number.POSITIVE_INFINITY;
    this.#longest = state?.longest ?? 0;
    this.#characters = state?.characters ?? 0;
    if (state?.sketched) {
      const { distinct, frequent } = state.sketched;
      this.#sketched = {
        distinct: new DistinctSketch(distinct.slice()),
        frequent: new FrequentSketch(frequent),
      };
    } else this.#exact = new Map(state?.exact);
  }

  get count(): number {
    return this.#count;
  }

  add(text: string, times = 1): void {
    this.#count += times;
    this.#shortest = Math.min(this.#shortest, text.length);
    this.#longest = Math.max(this.#longest, text.length);
    this.#characters += text.length * times;
    this.#addText(text.length > lengthMax ? text.slice(0, lengthMax) : text, times);
  }

  merge(other: TextSketch): void {
    this.#count += other.#count;
    this.#shortest = Math.min(this.#shortest, other.#shortest);
    this.#longest = Math.max(this.#longest, other.#longest);
    this.#characters += other.#characters;
    if (other.#exact) {
      for (const [text, times] of other.#exact) this.#addText(text, times);
    } else if (other.#sketched) {
      const mine = this.#sketch();
      mine.distinct.merge(other.#sketched.distinct);
      mine.frequent.merge(other.#sketched.frequent);
    }
  }

  distinct(): { count: number; isExact: boolean } {
    if (this.#exact) return { count: this.#exact.size, isExact: true };
    return { count: Math.min(this.#sketch().distinct.estimate(), this.#count), isExact: false };
  }

  /** The most frequent texts; each count is at most `error` too small. */
  top(count: number): { values: { value: string; count: number }[]; error: number; isExact: boolean } {
    if (!this.#exact) {
      const { frequent } = this.#sketch();
      return { values: frequent.top(count), error: frequent.error, isExact: false };
    }
    const values = [...this.#exact]
      .map(([value, times]) => ({ value, count: times }))
      .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
    return { values: values.slice(0, count), error: 0, isExact: true };
  }

  /** Every text and its count, or nothing where there were too many. */
  exactCounts(): ReadonlyMap<string, number> | undefined {
    return this.#exact;
  }

  lengths(): { shortest: number; longest: number; mean: number } {
    return {
      shortest: this.#count === 0 ? 0 : this.#shortest,
      longest: this.#longest,
      mean: this.#count === 0 ? 0 : this.#characters / this.#count,
    };
  }

  state(): TextSketchState {
    const shared = {
      count: this.#count,
      shortest: this.lengths().shortest,
      longest: this.#longest,
      characters: this.#characters,
    };
    if (this.#count === 0) return { ...shared, shortest: Number.MAX_SAFE_INTEGER, exact: [] };
    if (this.#exact) return { ...shared, exact: [...this.#exact] };
    const { distinct, frequent } = this.#sketch();
    return { ...shared, sketched: { distinct: distinct.bytes(), frequent: frequent.state() } };
  }

  #addText(text: string, times: number): void {
    const exact = this.#exact;
    const known = exact?.get(text);
    if (exact && (known !== undefined || exact.size < exactMax)) {
      exact.set(text, (known ?? 0) + times);
      return;
    }
    const { distinct, frequent } = this.#sketch();
    distinct.addText(text);
    frequent.add(text, times);
  }

  #sketch() {
    if (this.#sketched) return this.#sketched;
    const exact = this.#exact ?? new Map<string, number>();
    this.#exact = undefined;
    this.#sketched = { distinct: new DistinctSketch(), frequent: new FrequentSketch<string>() };
    for (const [text, times] of exact) this.#addText(text, times);
    return this.#sketched;
  }
}
