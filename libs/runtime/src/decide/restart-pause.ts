/** So many in a row may be those under which a file was tried that brings them down. */
const freeEnds = 3;
const pauseMsMin = 100;
const pauseMsMax = 5_000;

/**
 * How long to wait before another executor takes the place of one that ended: not at all, unless several ended without
 * having done anything, and then twice as long each time. Where no thread or process can be had, trying without a pause
 * would take the rest of the machine too.
 */
export class RestartPause {
  #idleEnds = 0;

  /** Milliseconds, after an executor that answered something, or nothing at all. */
  after(hasWorked: boolean): number {
    this.#idleEnds = hasWorked ? 0 : this.#idleEnds + 1;
    if (this.#idleEnds <= freeEnds) return 0;
    return Math.min(pauseMsMin * 2 ** (this.#idleEnds - freeEnds - 1), pauseMsMax);
  }
}
