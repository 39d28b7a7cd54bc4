import { type Hash, hashNumber } from './hash.js';

/** Distinct values counted exactly; beyond, a column is sketched. */
export const exactMax = 1024;
/** Four times as many slots, so that a search seldom takes a second step. */
const slots = 4096;

/** Counts of few distinct numbers: a hash table in two arrays, since a column has a million cells and a map is slow. */
export class CountTable {
  readonly #keys = new Float64Array(slots);
  readonly #counts = new Float64Array(slots);
  readonly #hash: Hash = { high: 0, low: 0 };
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Whether there was room; where there was not, nothing is changed. */
  add(value: number, count: number): boolean {
    hashNumber(value, this.#hash);
    let slot = this.#hash.high & (slots - 1);
    while (this.#counts[slot] !== 0) {
      if (this.#keys[slot] === value) {
        this.#counts[slot] = (this.#counts[slot] as number) + count;
        return true;
      }
      slot = (slot + 1) & (slots - 1);
    }
    if (this.#size === exactMax) return false;
    this.#size++;
    this.#keys[slot] = value;
    this.#counts[slot] = count;
    return true;
  }

  /** Values and their counts, by value. */
  entries(): [number, number][] {
    const entries: [number, number][] = [];
    for (let slot = 0; slot < slots; slot++) {
      const count = this.#counts[slot] as number;
      if (count > 0) entries.push([this.#keys[slot] as number, count]);
    }
    return entries.sort((a, b) => a[0] - b[0]);
  }
}
