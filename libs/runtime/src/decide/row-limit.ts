/** An answer may take this much longer than predicted before the limit falls. */
const tolerance = 1.5;
/** And this much, whatever was predicted: a turn of the event loop or a garbage collection says nothing of the model. */
const slackUs = 5_000;
const smoothing = 0.2;

/**
 * Rows of one model that may be in hand, by how answers compare to what was predicted when they were let in. The
 * prediction knows the batch and the queue, so a full queue alone does not lower it (as a plain gradient would); a
 * machine that became slower does.
 */
export class RowLimit {
  #limit = Number.POSITIVE_INFINITY;

  /** `floor` keeps every executor and the batch behind it full; `ceiling` is the bound of the queue. */
  rows(floor: number, ceiling: number): number {
    return Math.max(floor, Math.min(ceiling, this.#limit));
  }

  answered(o: { tookUs: number; predictedUs: number; rowsInHand: number; ceiling: number }): void {
    const limit = Math.min(this.#limit, o.ceiling);
    const gradient = Math.max(
      0.5,
      Math.min(1, (tolerance * (o.predictedUs + slackUs)) / Math.max(1, o.tookUs)),
    );
    // Where the limit was never met, it says nothing that more of it would be borne.
    if (gradient === 1 && o.rowsInHand < limit / 2) return;
    const next = limit * gradient + Math.sqrt(limit);
    this.#limit = Math.max(1, Math.min(o.ceiling, limit + smoothing * (next - limit)));
  }

  /** A request that was let in was too late all the same. */
  dropped(ceiling: number): void {
    this.#limit = Math.max(1, Math.min(this.#limit, ceiling) * 0.9);
  }
}
