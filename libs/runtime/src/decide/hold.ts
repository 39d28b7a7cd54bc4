/** Busy share aimed at: over it a hold saves runs; under it a run costs nobody anything. */
const target = 0.7;
const tauMs = 100;

/**
 * How long a batch that could start is held for more rows to come, by an integrating controller: it holds only as
 * long as keeps executors busy for 0.7 of the time, and not at all below that (guide: a threshold flaps).
 */
export class Hold {
  #holdUs = 0;
  #updatedAt: number | undefined;

  /** After a run; `a` is what a run costs by itself, in microseconds; `now` in milliseconds. */
  ran({ now, utilisation, a }: { now: number; utilisation: number; a: number }): void {
    const dt = Math.min(tauMs, now - (this.#updatedAt ?? now));
    this.#updatedAt = now;
    this.#holdUs += (utilisation - target) * (dt / tauMs) * 4 * a;
    this.#holdUs = Math.max(0, Math.min(2 * a, this.#holdUs));
  }

  /**
   * Microseconds; 0 where it is not worth it: below half a millisecond a timer costs more than it saves, and past the
   * rows n* = 3a/b at which a run's own cost is a quarter of the rows' there is nothing to gain.
   */
  budgetUs(o: { a: number; b: number; rows: number; slackUs: number }): number {
    if (2 * o.a < 500 || o.rows >= Math.ceil(o.a / (0.25 * Math.max(o.b, 1e-9)))) return 0;
    const held = Math.min(this.#holdUs, o.slackUs / 2);
    return held >= 500 ? held : 0;
  }
}
