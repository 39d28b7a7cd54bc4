import { type Hash, hashNumber } from './hash.js';

/** Distinct values counted exactly; beyond, a column is sketched. */
export const exactMax = 1024;
/** Slots of an empty table; they double while more than a quarter is taken, so that a search is short. */
const slotsMin = 16;

/** Counts of few distinct numbers: a hash table in two arrays, since a column has a million cells and a map is slow. */
export class CountTable {
  #keys = new Float64Array(slotsMin);
  #counts = new Float64Array(slotsMin);
  readonly #hash: Hash = { high: 0, low: 0 };
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Whether there was room; where there was not, nothing is changed. */
  add(value: number, count: number): boolean {
    const slot = this.#slotOf(value);
    if (this.#counts[slot] !== 0) {
      this.#counts[slot] = (this.#counts[slot] as number) + count;
      return true;
    }
    if (this.#size === exactMax) return false;
    this.#put(slot, value, count);
    if (4 * this.#size > this.#keys.length) this.#grow();
    return true;
  }

  /** Values and their counts, by value. */
  entries(): [number, number][] {
    const entries: [number, number][] = [];
    for (const [slot, count] of this.#counts.entries()) {
      if (count > 0) entries.push([this.#keys[slot] as number, count]);
    }
    return entries.sort((a, b) => a[0] - b[0]);
  }

  /** The slot of this value, or the empty one that it would take. */
  #slotOf(value: number): number {
    hashNumber(value, this.#hash);
    const last = this.#keys.length - 1;
    let slot = this.#hash.high & last;
    while (this.#counts[slot] !== 0 && this.#keys[slot] !== value) slot = (slot + 1) & last;
    return slot;
  }

  #put(slot: number, value: number, count: number): void {
    this.#size++;
    this.#keys[slot] = value;
    this.#counts[slot] = count;
  }

  #grow(): void {
    const entries = this.entries();
    this.#keys = new Float64Array(2 * this.#keys.length);
    this.#counts = new Float64Array(this.#keys.length);
    this.#size = 0;
    for (const [value, count] of entries) this.#put(this.#slotOf(value), value, count);
  }
}
