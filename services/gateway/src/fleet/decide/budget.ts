export interface BudgetOptions {
  /** What each request earns; an attempt on top of it costs 1. */
  readonly share: number;
  /** Earned in each second beside that, so that the first requests after a silence may be repeated too. */
  readonly perSecond: number;
  /** No more is kept than this. It is there at the beginning. */
  readonly kept: number;
}

/**
 * How many attempts may be made beyond one for each request: a share of the traffic, so that repeats never become the
 * load that keeps an ill fleet down. Moments in milliseconds.
 */
export class Budget {
  readonly #o: BudgetOptions;
  #tokens: number;
  #at: number | undefined;

  constructor(options: BudgetOptions) {
    this.#o = options;
    this.#tokens = options.kept;
  }

  earn(): void {
    this.#tokens = Math.min(this.#o.kept, this.#tokens + this.#o.share);
  }

  /** True where one more attempt may be made; it is paid for then. */
  spend(now: number): boolean {
    const passedMs = now - (this.#at ?? now);
    this.#at = now;
    this.#tokens = Math.min(this.#o.kept, this.#tokens + (passedMs / 1_000) * this.#o.perSecond);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
