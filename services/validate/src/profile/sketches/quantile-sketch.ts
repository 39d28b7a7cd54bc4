/** Values kept at the top level; rank error about 2.3 / k^0.97 (Karnin, Lang, Liberty 2016, as DataSketches fits it). */
const k = 512;
/** Each level below the top holds two thirds of the one above, and no fewer than this. */
const shrink = 2 / 3;
const levelMin = 16;
/** Values of a sorted batch that go in one by one. */
const batchKept = 512;

/**
 * Quantiles in about 12 KiB (KLL: Karnin, Lang and Liberty, "Optimal quantile approximation in streams", 2016): level i
 * holds values that stand for 2^i each. A full level is sorted, and every other value of it moves up. Rank error is
 * under 1 % in 99 of 100 cases, also after merges, and none while fewer than `k` values came. The coin that says which
 * half moves up is drawn from the state, so that the same values in the same order give the same sketch.
 */
export class QuantileSketch {
  #levels: number[][];
  #coin: number;
  #count: number;

  constructor(state: { levels: number[][]; coin: number } = { levels: [[]], coin: 1 }) {
    this.#levels = state.levels.map((level) => [...level]);
    this.#coin = state.coin;
    this.#count = this.#levels.reduce((sum, level, i) => sum + level.length * 2 ** i, 0);
  }

  /** Values that it stands for. */
  get count(): number {
    return this.#count;
  }

  /** Adds a value that stands for 2^level values. */
  add(value: number, level = 0): void {
    while (this.#levels.length <= level) this.#levels.push([]);
    const at = this.#levels[level] as number[];
    at.push(value);
    this.#count += 2 ** level;
    if (at.length >= this.#capacity(level)) this.#compact(level);
  }

  /** Adds sorted values that stand for 2^level values each: halved, one of each pair, until few are left. */
  addSorted(sorted: Float64Array, level: number): void {
    let [values, height] = [sorted, level];
    while (values.length > batchKept) {
      // The last of an odd number goes in by itself, so that the count is kept.
      if (values.length % 2 === 1) this.add(values[values.length - 1] as number, height);
      const half = new Float64Array(values.length >> 1);
      for (let i = 0, from = this.#flip(); i < half.length; i++, from += 2) half[i] = values[from] as number;
      values = half;
      height++;
    }
    for (const value of values) this.add(value, height);
  }

  /** Adds a value that occurs `count` times. */
  addTimes(value: number, count: number): void {
    for (let rest = count, level = 0; rest > 0; rest = Math.floor(rest / 2), level++) {
      if (rest % 2 === 1) this.add(value, level);
    }
  }

  merge(other: QuantileSketch): void {
    for (const [level, values] of other.#levels.entries()) {
      for (const value of values) this.add(value, level);
    }
  }

  /** Quantiles at these shares, 0 to 1; NaN where nothing came. */
  quantiles(shares: readonly number[]): number[] {
    const weighted = this.#weighted();
    return shares.map((share) => atRank(weighted, share * this.#count));
  }

  /** Share of the values that are no larger than `value`. */
  rank(value: number): number {
    let below = 0;
    for (const [level, values] of this.#levels.entries()) {
      for (const one of values) if (one <= value) below += 2 ** level;
    }
    return this.#count === 0 ? Number.NaN : below / this.#count;
  }

  state(): { levels: number[][]; coin: number } {
    return { levels: this.#levels, coin: this.#coin };
  }

  #capacity(level: number): number {
    const below = this.#levels.length - 1 - level;
    return Math.max(levelMin, Math.ceil(k * shrink ** below));
  }

  #compact(level: number): void {
    const values = (this.#levels[level] as number[]).sort((a, b) => a - b);
    // An odd one stays, so that the count is kept.
    const rest = values.length % 2 === 1 ? [values.pop() as number] : [];
    this.#levels[level] = rest;
    if (this.#levels.length === level + 1) this.#levels.push([]);
    const above = this.#levels[level + 1] as number[];
    for (let i = this.#flip(); i < values.length; i += 2) above.push(values[i] as number);
    if (above.length >= this.#capacity(level + 1)) this.#compact(level + 1);
  }

  /** Marsaglia's xorshift32. */
  #flip(): 0 | 1 {
    let x = this.#coin;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#coin = x;
    return ((x >>> 7) & 1) as 0 | 1;
  }

  #weighted(): (readonly [number, number])[] {
    return this.#levels
      .flatMap((values, level) => values.map((value) => [value, 2 ** level] as const))
      .sort((a, b) => a[0] - b[0]);
  }
}

function atRank(weighted: readonly (readonly [number, number])[], rank: number): number {
  let seen = 0;
  for (const [value, weight] of weighted) {
    seen += weight;
    if (seen >= rank) return value;
  }
  return weighted.at(-1)?.[0] ?? Number.NaN;
}
