export interface SlowWatchOptions {
  /** So many times the median of the others is slow. */
  readonly factor: number;
  /** For so many looks one after the other. */
  readonly looks: number;
}

/** Finds replicas that are slow by comparison: look after look against the median of the others. */
export class SlowWatch {
  readonly #o: SlowWatchOptions;
  readonly #slowLooks = new Map<string, number>();

  constructor(options: SlowWatchOptions) {
    this.#o = options;
  }

  /** `p50s`: the median slowness of each replica that had enough requests. Those that are to be left out. */
  look(p50s: ReadonlyMap<string, number>): string[] {
    for (const id of this.#slowLooks.keys()) if (!p50s.has(id)) this.#slowLooks.delete(id);
    const slow: string[] = [];
    for (const [id, p50] of p50s) {
      const others = [...p50s].filter(([other]) => other !== id).map(([, value]) => value);
      const usual = medianOf(others);
      const isSlow = usual !== undefined && p50 > this.#o.factor * usual;
      const looks = isSlow ? (this.#slowLooks.get(id) ?? 0) + 1 : 0;
      if (looks >= this.#o.looks) {
        slow.push(id);
        this.#slowLooks.delete(id);
      } else this.#slowLooks.set(id, looks);
    }
    return slow;
  }
}

function medianOf(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** A difference under this many ms is no reason to do without a replica. */
const differenceMsMin = 5;

/**
 * How much slower than usual an answer was, as a factor: what a replica with costly models takes is then comparable
 * with what one with cheap ones takes. 1 where the usual is unknown or the difference is nothing that a client notices.
 */
export function slownessOf(tookMs: number, usualMs: number | undefined): number {
  if (!usualMs) return 1;
  const slowness = tookMs / usualMs;
  return tookMs - usualMs < differenceMsMin ? Math.min(1, slowness) : slowness;
}
