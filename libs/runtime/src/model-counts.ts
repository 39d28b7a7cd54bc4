import { systemClock } from '@perennial/kernel';
import type { BatchRan } from './batcher.js';
import { type DispatchReason, dispatchReasons } from './decide/dispatch-reason.js';
import type { Answer, BatchCost } from './types.js';

/** What a model did and what it costs; times are sums in microseconds. */
export interface ModelStatistics {
  readonly digest: string;
  readonly memoryBytes: number;
  readonly device: string;
  /** Measured at load. */
  readonly costs: readonly BatchCost[];
  /** Learned since: microseconds of a run by itself, and of each row. */
  readonly learned: { readonly runUs: number; readonly rowUs: number };
  readonly pinned: boolean;
  readonly inHand: number;
  readonly rowsWaiting: number;
  /** Answered, and not: refused, dropped, cancelled or failed. */
  readonly requests: number;
  readonly failures: number;
  /** Of those failures: too late before they ran. */
  readonly dropped: number;
  readonly rows: number;
  readonly batches: number;
  readonly queueUs: number;
  readonly computeUs: number;
  /** Unix time in milliseconds of the last answer; 0 where there was none. */
  readonly lastInferenceMs: number;
  /** How many batches were started for which reason; their sum is `batches` and the failed ones. */
  readonly reasons: Readonly<Record<DispatchReason, number>>;
  /** By rows of a batch, rounded up to a power of two. */
  readonly batchSizes: readonly {
    readonly rows: number;
    readonly count: number;
    readonly computeUs: number;
  }[];
}

/** The counters behind the statistics of one model. */
export class ModelCounts {
  #requests = 0;
  #failures = 0;
  #dropped = 0;
  #rows = 0;
  #batches = 0;
  #queueUs = 0;
  #computeUs = 0;
  #lastInferenceMs = 0;
  readonly #reasons = Object.fromEntries(dispatchReasons.map((reason) => [reason, 0])) as Record<
    DispatchReason,
    number
  >;
  readonly #sizes = new Map<number, { count: number; computeUs: number }>();

  answered({ queueUs, computeUs }: Answer): void {
    this.#requests += 1;
    this.#queueUs += queueUs;
    this.#computeUs += computeUs;
  }

  refused(): void {
    this.#failures += 1;
  }

  dropped(): void {
    this.#dropped += 1;
  }

  ran({ rows, computeUs, failed, reason }: BatchRan): void {
    this.#reasons[reason] += 1;
    if (failed) return;
    this.#batches += 1;
    this.#rows += rows;
    this.#lastInferenceMs = systemClock.now();
    const bucket = rows <= 1 ? 1 : 2 ** Math.ceil(Math.log2(rows));
    const size = this.#sizes.get(bucket);
    if (size) {
      size.count += 1;
      size.computeUs += computeUs;
    } else this.#sizes.set(bucket, { count: 1, computeUs });
  }

  read() {
    return {
      requests: this.#requests,
      failures: this.#failures,
      dropped: this.#dropped,
      rows: this.#rows,
      batches: this.#batches,
      queueUs: this.#queueUs,
      computeUs: this.#computeUs,
      lastInferenceMs: this.#lastInferenceMs,
      reasons: { ...this.#reasons },
      batchSizes: [...this.#sizes].sort(([a], [b]) => a - b).map(([rows, size]) => ({ rows, ...size })),
    };
  }
}
