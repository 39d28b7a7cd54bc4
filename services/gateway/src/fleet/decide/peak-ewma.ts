/**
 * A mean of latencies that forgets by half in each half-life and takes a slow answer over at once: a replica that
 * begins to stall is avoided from its first slow answer on, and comes back as that is forgotten. After Finagle's peak
 * EWMA. Times in milliseconds; every moment is passed in.
 */
export class PeakEwma {
  readonly #halfLifeMs: number;
  #value = 0;
  #at = 0;

  constructor(halfLifeMs: number) {
    this.#halfLifeMs = halfLifeMs;
  }

  add(sampleMs: number, now: number): void {
    if (sampleMs >= this.#value) this.#value = sampleMs;
    else this.#value = sampleMs + (this.#value - sampleMs) * this.#kept(now);
    this.#at = now;
  }

  /** Fades while nothing is added, so that who was slow once is asked again. 0 where nothing was added yet. */
  value(now: number): number {
    return this.#value * this.#kept(now);
  }

  #kept(now: number): number {
    return 2 ** (-Math.max(0, now - this.#at) / this.#halfLifeMs);
  }
}
