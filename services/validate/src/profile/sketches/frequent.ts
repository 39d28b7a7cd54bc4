/** Values counted at once; one that makes up more than 1 / 256 of all is among them. */
const kept = 256;
/** Times in a batch up to which a value is not worth its place. */
const rareMax = 2;

/**
 * The most frequent values (Misra and Gries 1982): each count is too small by at most `error`, itself at most
 * 1 / 256 of all. Merging keeps that (Agarwal et al. 2012, "Mergeable summaries").
 */
export class FrequentSketch<Value extends string | number> {
  readonly #counts: Map<Value, number>;
  #error: number;

  constructor(
    state: { values: readonly (readonly [Value, number])[]; error: number } = { values: [], error: 0 },
  ) {
    this.#counts = new Map(state.values);
    this.#error = state.error;
  }

  get error(): number {
    return this.#error;
  }

  add(value: Value, count = 1): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + count);
    // Twice as many before it is cut, so that cutting is cheap for each value.
    if (this.#counts.size >= 2 * kept) this.#cut();
  }

  /** Adds sorted values that stand for `weight` values each; those that occur less than three times count as error. */
  addSorted(sorted: Float64Array, weight: number): void {
    for (let from = 0, to = 0; from < sorted.length; from = to) {
      const value = sorted[from] as number;
      while (to < sorted.length && sorted[to] === value) to++;
      if (to - from > rareMax) this.add(value as Value, (to - from) * weight);
    }
    this.#error += rareMax * weight;
  }

  merge(other: FrequentSketch<Value>): void {
    for (const [value, count] of other.#counts)
      this.#counts.set(value, (this.#counts.get(value) ?? 0) + count);
    this.#error += other.#error;
    if (this.#counts.size > kept) this.#cut();
  }

  /** Most frequent first. */
  top(count: number): { value: Value; count: number }[] {
    return [...this.#counts]
      .map(([value, times]) => ({ value, count: times }))
      .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
      .slice(0, count);
  }

  state(): { values: [Value, number][]; error: number } {
    if (this.#counts.size > kept) this.#cut();
    return { values: this.top(kept).map(({ value, count }) => [value, count]), error: this.#error };
  }

  /** Takes the count of the first value that is not kept from all. */
  #cut(): void {
    const counts = [...this.#counts.values()].sort((a, b) => b - a);
    const less = counts[kept] ?? 0;
    if (less === 0) return;
    for (const [value, count] of this.#counts) {
      if (count > less) this.#counts.set(value, count - less);
      else this.#counts.delete(value);
    }
    this.#error += less;
  }
}
