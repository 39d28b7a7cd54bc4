/** Older than some of these, busy time no longer counts. */
const tauMs = 100;

/**
 * The busy share of several executors as an exponential average over continuous time: between events the number of
 * busy ones is constant, so the average is exact whatever the spacing of events.
 */
export class BusyShare {
  readonly #count: number;
  #busy = 0;
  #average = 0;
  #updatedAt = 0;

  constructor(count: number) {
    this.#count = count;
  }

  began(now: number): void {
    this.#average = this.at(now);
    this.#updatedAt = now;
    this.#busy += 1;
  }

  ended(now: number): void {
    this.#average = this.at(now);
    this.#updatedAt = now;
    this.#busy -= 1;
  }

  /** 0 to 1; `now` in milliseconds, never going back. */
  at(now: number): number {
    const share = this.#busy / this.#count;
    return share + (this.#average - share) * Math.exp((this.#updatedAt - now) / tauMs);
  }
}
