/** Distinct values kept at each end: enough to see whether the last one is piled up beside its neighbours. */
const kept = 16;

/** The smallest and the largest distinct values, each with the exact number of times it occurs. */
export class Extremes {
  readonly #low: End;
  readonly #high: End;

  constructor(state: { low: [number, number][]; high: [number, number][] } = { low: [], high: [] }) {
    this.#low = new End(state.low, 1);
    this.#high = new End(state.high, -1);
  }

  add(value: number, count = 1): void {
    this.#low.add(value, count);
    this.#high.add(value, count);
  }

  /** Adds the first `count` of these values. */
  addAll(values: Float64Array, count: number): void {
    this.#low.addAll(values, count);
    this.#high.addAll(values, count);
  }

  merge(other: Extremes): void {
    for (const [value, count] of other.#low.entries) this.#low.add(value, count);
    for (const [value, count] of other.#high.entries) this.#high.add(value, count);
  }

  /** Values and their counts, the outermost first. */
  state(): { low: [number, number][]; high: [number, number][] } {
    return { low: this.#low.entries, high: this.#high.entries };
  }
}

/**
 * One end, outermost first; `sign` is 1 for the low one. A value that was pushed out has at least `kept` beyond it for
 * ever, so that the counts of those that are there are exact.
 */
class End {
  readonly entries: [number, number][];
  #limit: number;

  constructor(
    entries: readonly [number, number][],
    private readonly sign: 1 | -1,
  ) {
    this.entries = entries.map(([value, count]) => [value, count]);
    this.#limit = this.#innermost();
  }

  addAll(values: Float64Array, count: number): void {
    const { sign } = this;
    for (let i = 0; i < count; i++) {
      const value = values[i] as number;
      if (sign * value <= this.#limit) this.add(value, 1);
    }
  }

  add(value: number, count: number): void {
    if (this.sign * value > this.#limit) return;
    const { entries, sign } = this;
    let at = 0;
    while (at < entries.length && sign * (entries[at] as [number, number])[0] < sign * value) at++;
    const found = entries[at];
    if (found && found[0] === value) {
      found[1] += count;
      return;
    }
    entries.splice(at, 0, [value, count]);
    if (entries.length > kept) entries.pop();
    this.#limit = this.#innermost();
  }

  #innermost(): number {
    const last = this.entries.at(-1);
    return last && this.entries.length === kept ? this.sign * last[0] : Number.POSITIVE_INFINITY;
  }
}
