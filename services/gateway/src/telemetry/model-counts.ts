import type { Recording } from '../recording.js';

/** Why requests failed, in Triton's words. */
export type FailureReason = 'REJECTED' | 'CANCELED' | 'BACKEND' | 'OTHER';

/** What one version of a model answered; all are sums since the start, times in microseconds. */
export interface ModelCount {
  readonly model: string;
  /** Empty where a request failed before a version was chosen. */
  readonly version: string;
  success: number;
  readonly failures: Record<FailureReason, number>;
  requestUs: number;
  /** Rows that a model ran for; those of cached answers are not in it. */
  rows: number;
  /** Runs: a request that shared one counts for its share of the rows. */
  runs: number;
  queueUs: number;
  computeUs: number;
  cacheHits: number;
  cacheMisses: number;
  cacheHitUs: number;
  cacheMissUs: number;
}

/** Plain additions on the way of a request; whoever scrapes reads them. */
export class ModelCounts {
  readonly #counts = new Map<string, Map<number, ModelCount>>();
  readonly #inHand = new Map<string, number>();

  all(): ModelCount[] {
    return [...this.#counts.values()].flatMap((versions) => [...versions.values()]);
  }

  /** Requests that are not answered yet, by model. */
  get inHand(): ReadonlyMap<string, number> {
    return this.#inHand;
  }

  /** A request came; `left` must follow. */
  came(model: string): void {
    this.#inHand.set(model, (this.#inHand.get(model) ?? 0) + 1);
  }

  left(model: string): void {
    const count = (this.#inHand.get(model) ?? 1) - 1;
    // Names that nobody knows must not stay.
    if (count > 0 || this.#counts.has(model)) this.#inHand.set(model, count);
    else this.#inHand.delete(model);
  }

  ended({ system, version, status, durationMs, rowCount, ran, isCached }: Recording): void {
    const count = this.of(system, version);
    if (status !== 'OK') {
      count.failures[reasonOf(status)] += 1;
      return;
    }
    count.success += 1;
    count.requestUs += durationMs * 1_000;
    if (!ran || isCached) return;
    count.rows += rowCount;
    count.runs += ran.batchRows > rowCount ? rowCount / ran.batchRows : 1;
    count.queueUs += ran.queueUs;
    count.computeUs += ran.computeUs;
  }

  looked(model: string, version: number, isHit: boolean, microseconds: number): void {
    const count = this.of(model, version);
    if (isHit) {
      count.cacheHits += 1;
      count.cacheHitUs += microseconds;
    } else {
      count.cacheMisses += 1;
      count.cacheMissUs += microseconds;
    }
  }

  of(model: string, version: number): ModelCount {
    let versions = this.#counts.get(model);
    if (!versions) {
      versions = new Map();
      this.#counts.set(model, versions);
    }
    let count = versions.get(version);
    if (!count) {
      count = empty(model, version === 0 ? '' : String(version));
      versions.set(version, count);
    }
    return count;
  }
}

function empty(model: string, version: string): ModelCount {
  return {
    model,
    version,
    success: 0,
    failures: { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 },
    requestUs: 0,
    rows: 0,
    runs: 0,
    queueUs: 0,
    computeUs: 0,
    cacheHits: 0,
    cacheMisses: 0,
    cacheHitUs: 0,
    cacheMissUs: 0,
  };
}

/** What became of a request, by the code that it ended with. */
export function reasonOf(code: string): FailureReason {
  if (/CANCEL/.test(code)) return 'CANCELED';
  if (/EXHAUSTED|OVERLOAD|DEADLINE|TIMEOUT|QUOTA|LIMIT|NOT_SERVING/.test(code)) return 'REJECTED';
  if (/^MODEL_RUN|^EXECUTOR_|UNAVAILABLE$|^INTERNAL$/.test(code)) return 'BACKEND';
  return 'OTHER';
}
