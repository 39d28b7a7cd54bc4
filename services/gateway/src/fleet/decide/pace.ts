import { CostModel } from '@perennial/runtime';

/** How fast it is seen that answers come later than expected (as TCP's round trips; Jacobson 1988). */
const gain = 0.125;
/** Deviations that an answer may be late by and still count as in time. */
const deviations = 2;
/** What lateness may take of the time that is left: between its pauses a machine answers in time. */
const shareMax = 0.5;

/** What a message to a pool takes from here, there and back, by its rows; and how far what is expected of it holds. */
export class Pace {
  readonly #cost = new CostModel();
  /** Milliseconds. A pause takes as long whatever was expected; a slower model is learned as its cost. */
  #lateMs = 0;
  #deviationMs = 0;

  /** Milliseconds of a message of so many rows; 0 where nothing is known yet. */
  messageMs(rows: number): number {
    return this.#cost.predict(rows) / 1_000;
  }

  /** A message was answered. */
  answered(rows: number, tookMs: number): void {
    this.#cost.observe(rows, tookMs * 1_000);
  }

  /**
   * Milliseconds until a request is answered that comes behind `rowsAhead` rows, which go `rowsMax` at a time and `slots`
   * messages at once, the next of them in `freeInMs`.
   */
  expectedMs(o: {
    rows: number;
    rowsAhead: number;
    rowsMax: number;
    slots: number;
    freeInMs: number;
  }): number {
    const rows = o.rowsAhead + o.rows;
    const ahead = Math.ceil(rows / o.rowsMax) - 1;
    const own = this.messageMs(rows - ahead * o.rowsMax);
    return o.freeInMs + (ahead * this.messageMs(o.rowsMax)) / o.slots + own;
  }

  /** What a request was expected to take when it came, and took. */
  held(expectedMs: number, tookMs: number): void {
    if (expectedMs <= 0) return;
    const lateMs = tookMs - expectedMs;
    this.#deviationMs += gain * (Math.abs(lateMs - this.#lateMs) - this.#deviationMs);
    this.#lateMs += gain * (lateMs - this.#lateMs);
  }

  /** Whether what is expected to take so long will be there in time. */
  isInTime(expectedMs: number, leftMs: number): boolean {
    const lateMs = Math.max(0, this.#lateMs + deviations * this.#deviationMs);
    return expectedMs + Math.min(lateMs, shareMax * leftMs) <= leftMs;
  }
}
