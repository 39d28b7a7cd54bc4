/** Durations in microseconds, counted in buckets that are 2 % wide: exact enough for quantiles, small enough to send. */
const perOctave = 32;

export class Histogram {
  readonly counts = new Map<number, number>();
  total = 0;

  static from(entries: readonly (readonly [number, number])[]): Histogram {
    const histogram = new Histogram();
    for (const [bucket, count] of entries) histogram.#add(bucket, count);
    return histogram;
  }

  record(microseconds: number): void {
    this.#add(microseconds < 1 ? 0 : Math.floor(Math.log2(microseconds) * perOctave), 1);
  }

  merge(other: Histogram): this {
    for (const [bucket, count] of other.counts) this.#add(bucket, count);
    return this;
  }

  /** The middle of the bucket in which the share of all durations is reached; NaN where there are none. */
  quantile(share: number): number {
    let left = Math.ceil(this.total * share);
    for (const [bucket, count] of [...this.counts].sort(([a], [b]) => a - b)) {
      left -= count;
      if (left <= 0) return 2 ** ((bucket + 0.5) / perOctave);
    }
    return Number.NaN;
  }

  #add(bucket: number, count: number): void {
    this.counts.set(bucket, (this.counts.get(bucket) ?? 0) + count);
    this.total += count;
  }
}
