/** The largest of the values that were told within a window, or within two of them at most. Moments in milliseconds. */
export class Largest {
  readonly #windowMs: number;
  #startedAt = Number.NEGATIVE_INFINITY;
  #now = Number.NEGATIVE_INFINITY;
  #before = Number.NEGATIVE_INFINITY;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  add(value: number, now: number): void {
    const passed = now - this.#startedAt;
    if (passed >= this.#windowMs) {
      this.#before = passed < 2 * this.#windowMs ? this.#now : Number.NEGATIVE_INFINITY;
      this.#now = Number.NEGATIVE_INFINITY;
      this.#startedAt = now;
    }
    if (value > this.#now) this.#now = value;
  }

  /** -Infinity where none was told. */
  get value(): number {
    return Math.max(this.#now, this.#before);
  }
}
