/** Arrivals of the last second count, the later ones more. */
const tauMs = 1_000;

/** How many rows arrive in a second, as an exponential average over continuous time. */
export class Arrivals {
  #perSecond = 0;
  #updatedAt = 0;

  /** `now` in milliseconds, never going back. */
  arrived(rows: number, now: number): void {
    this.#perSecond = this.perSecond(now) + (rows * 1000) / tauMs;
    this.#updatedAt = now;
  }

  perSecond(now: number): number {
    return this.#perSecond * Math.exp((this.#updatedAt - now) / tauMs);
  }
}
