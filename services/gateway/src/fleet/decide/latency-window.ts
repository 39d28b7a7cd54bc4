/** Buckets grow by an eighth: from 10 µs to more than a minute in 134 of them, at most 6 % off. */
const growth = 1.125;
const firstMs = 0.01;
const buckets = 134;
const logGrowth = Math.log(growth);

/**
 * Quantiles of the latencies of the last one to two windows, in little memory. Milliseconds; moments are passed in and
 * never go back.
 */
export class LatencyWindow {
  readonly #windowMs: number;
  #current = new Uint32Array(buckets);
  #previous = new Uint32Array(buckets);
  #currentCount = 0;
  #previousCount = 0;
  #startedAt = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  add(ms: number, now: number): void {
    this.#turn(now);
    const at = ms <= firstMs ? 0 : Math.min(buckets - 1, Math.ceil(Math.log(ms / firstMs) / logGrowth));
    this.#current[at] = (this.#current[at] ?? 0) + 1;
    this.#currentCount += 1;
  }

  count(now: number): number {
    this.#turn(now);
    return this.#currentCount + this.#previousCount;
  }

  /** The upper edge of the bucket that holds it; undefined under `samplesMin` samples. */
  quantile(share: number, now: number, samplesMin: number): number | undefined {
    const count = this.count(now);
    if (count === 0 || count < samplesMin) return undefined;
    let seen = 0;
    for (let at = 0; at < buckets; at++) {
      seen += (this.#current[at] ?? 0) + (this.#previous[at] ?? 0);
      if (seen >= share * count) return firstMs * growth ** at;
    }
    return firstMs * growth ** (buckets - 1);
  }

  #turn(now: number): void {
    const passed = now - this.#startedAt;
    if (passed < this.#windowMs) return;
    const isNext = passed < 2 * this.#windowMs;
    const cleared = this.#previous.fill(0);
    if (isNext) {
      this.#previous = this.#current;
      this.#previousCount = this.#currentCount;
      this.#current = cleared;
    } else {
      this.#current.fill(0);
      this.#previousCount = 0;
    }
    this.#currentCount = 0;
    this.#startedAt = isNext ? this.#startedAt + this.#windowMs : now;
  }
}
