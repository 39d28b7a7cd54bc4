/** Until a first one was seen: a process that starts and loads a small model. */
const firstGuessMs = 2_000;
const guessMsMin = 500;
const guessMsMax = 60_000;

/**
 * How long a pool without replicas will stay so, learnt from how long it took before. The clock runs from the moment
 * somebody wanted the pool: before that nobody had a reason to start a replica. Moments in milliseconds.
 */
export class ColdStart {
  #guessMs = firstGuessMs;
  #wantedAt: number | undefined;

  /** A request came that needs the pool. */
  wanted(now: number): void {
    this.#wantedAt ??= now;
  }

  /** A replica is there. */
  ended(now: number): void {
    if (this.#wantedAt === undefined) return;
    const tookMs = Math.min(guessMsMax, Math.max(guessMsMin, now - this.#wantedAt));
    this.#guessMs = (this.#guessMs + tookMs) / 2;
    this.#wantedAt = undefined;
  }

  /** How long the first replica will still take; what lasts longer than expected will last half as long again. */
  remainingMs(now: number): number {
    const passedMs = this.#wantedAt === undefined ? 0 : now - this.#wantedAt;
    const remaining = this.#guessMs - passedMs;
    return remaining > 0 ? remaining : Math.min(guessMsMax, Math.max(guessMsMin, passedMs / 2));
  }
}

/** Whether a request may wait for the first replica: where there is room, and it would come in time. */
export function mayWait(o: {
  rows: number;
  rowsWaiting: number;
  rowsMax: number;
  remainingMs: number;
  patienceMs: number;
}): boolean {
  const hasRoom = o.rowsWaiting === 0 || o.rowsWaiting + o.rows <= o.rowsMax;
  return hasRoom && o.patienceMs > o.remainingMs;
}
