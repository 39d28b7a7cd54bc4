export interface SlowWatchOptions {
  /** So many times the median of the others is slow. */
  readonly factor: number;
  /** For so many looks one after the other. */
  readonly looks: number;
  /** A difference under this is no reason to do without a replica. */
  readonly differenceMsMin: number;
}

/** Finds replicas that are slow by comparison: look after look against the median of the others. */
export class SlowWatch {
  readonly #o: SlowWatchOptions;
  readonly #slowLooks = new Map<string, number>();

  constructor(options: SlowWatchOptions) {
    this.#o = options;
  }

  /** `p50s`: the median latency of each replica that had enough requests, in ms. Those that are to be left out. */
  look(p50s: ReadonlyMap<string, number>): string[] {
    for (const id of this.#slowLooks.keys()) if (!p50s.has(id)) this.#slowLooks.delete(id);
    const slow: string[] = [];
    for (const [id, p50] of p50s) {
      const others = [...p50s].filter(([other]) => other !== id).map(([, value]) => value);
      const usual = medianOf(others);
      const isSlow =
        usual !== undefined && p50 > this.#o.factor * usual && p50 - usual >= this.#o.differenceMsMin;
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
