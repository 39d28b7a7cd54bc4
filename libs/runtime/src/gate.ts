import { answerInUs } from './decide/admission.js';
import { Arrivals } from './decide/arrivals.js';
import type { CostModel } from './decide/cost-model.js';
import type { RequestQueue } from './decide/request-queue.js';
import { RowLimit } from './decide/row-limit.js';
import { runtimeLimits } from './limits.js';
import { exhausted, expired, type Waiting } from './waiting.js';

/** What the batcher sees of the executors and of the other models. */
export interface Surroundings {
  readonly slots: number;
  readonly utilisation: number;
  /** Until the soonest executor is free, in microseconds; 0 where one is. */
  freeInUs(): number;
  /** Microseconds of work that each other model has waiting. */
  others(): readonly number[];
}

export interface GateOptions {
  readonly cost: CostModel;
  readonly surroundings: Surroundings;
  readonly queueRowsMax: number;
  /** Bytes of the inputs that wait, over all models. */
  readonly held: { bytes: number };
}

type Asked = Pick<Waiting, 'priority' | 'share' | 'rows' | 'bytes' | 'deadlineAt' | 'arrivedAt'>;

/** Requests without a deadline are taken to allow this, until others say more. */
const allowedUsDefault = 10_000_000;

/** Above what batches are cut by (decide/batch-rows.ts), or those let in last would cut every batch short. */
const admissionMargin = 1.1;

/** A queue that takes no longer is none to speak of (CoDel's target; Nichols and Jacobson 2012). */
const shortQueueUs = 5_000;

/** Decides which requests of one model are let in: bounded rows and bytes, and only what can be answered in time. */
export class Gate {
  readonly #o: GateOptions;
  readonly #limit = new RowLimit();
  readonly #arrivals = new Arrivals();
  /** What requests allow for their answers, of late. */
  allowedUs = allowedUsDefault;

  constructor(options: GateOptions) {
    this.#o = options;
  }

  /**
   * Lets a request in, or another one out for it; returns in how many microseconds its answer is expected.
   *
   * @throws PlatformError QUEUE_EXHAUSTED, DEADLINE_EXCEEDED
   */
  admit(
    asked: Asked,
    queue: RequestQueue<Waiting>,
    o: {
      rowsRunning: number;
      rowsMax: number;
      backlogUs: number;
      evict: (victim: Waiting, error: unknown) => void;
    },
  ): number {
    const leftUs = (asked.deadlineAt - asked.arrivedAt) * 1000;
    if (leftUs <= 0) throw expired();
    if (leftUs < Number.POSITIVE_INFINITY) this.allowedUs += 0.05 * (leftUs - this.allowedUs);
    this.#arrivals.arrived(asked.rows, asked.arrivedAt);
    const { rowsMax } = o;
    const rowsAhead = queue.size > 0 ? queue.rowsAhead(asked.priority, asked.share) : 0;
    const predictedUs = this.#answerInUs(asked, rowsAhead, rowsMax);
    // With nobody before it a request is tried whatever the prediction says, or a wrong one would never be mended.
    if (admissionMargin * predictedUs > leftUs && rowsAhead > 0) {
      const expectedMs = Math.ceil(predictedUs / 1000);
      throw exhausted(
        `an answer would take ${expectedMs} ms, and ${Math.ceil(leftUs / 1000)} ms are left`,
        predictedUs - leftUs,
      );
    }
    while (this.#isOver(asked, queue, o.rowsRunning, rowsMax)) {
      const victim = queue.victimFor(asked);
      const full = exhausted(`${queue.rows} rows wait for this model already`, o.backlogUs);
      if (!victim) throw full;
      o.evict(victim, full);
    }
    return predictedUs;
  }

  /** Once for each batch, with its oldest request: a pause that met a hundred requests is one pause. */
  answered({ arrivedAt, predictedUs }: Waiting, rowsInHand: number, rowsMax: number): void {
    // Without a prediction there is nothing to compare with.
    if (predictedUs <= 0) return;
    const tookUs = (performance.now() - arrivedAt) * 1000;
    this.#limit.answered({ tookUs, predictedUs, rowsInHand, ceiling: this.#ceiling(rowsMax) });
  }

  dropped(rowsMax: number): void {
    this.#limit.dropped(this.#ceiling(rowsMax));
  }

  #answerInUs({ rows, arrivedAt }: Asked, rowsAhead: number, rowsMax: number): number {
    const { cost, surroundings } = this.#o;
    const freeInUs = surroundings.freeInUs();
    const others = rowsAhead > 0 || freeInUs > 0 ? surroundings.others() : [];
    const rowsPerSecond = this.#arrivals.perSecond(arrivedAt);
    return answerInUs(cost, {
      rows,
      rowsPerSecond,
      rowsAhead,
      rowsMax,
      slots: surroundings.slots,
      freeInUs,
      others,
    });
  }

  #isOver(asked: Asked, queue: RequestQueue<Waiting>, rowsRunning: number, rowsMax: number): boolean {
    if (queue.size === 0) return false;
    const { held } = this.#o;
    const ceiling = this.#ceiling(rowsMax);
    const limit = this.#limit.rows(this.#floor(rowsMax), ceiling);
    return (
      queue.rows + asked.rows > ceiling ||
      queue.rows + rowsRunning + asked.rows > limit ||
      held.bytes + asked.bytes > runtimeLimits.queueBytesMax
    );
  }

  /**
   * Enough to keep every executor and the batch behind it full, and what takes no longer than a queue may always take: an
   * eighth of what requests allow, for predictions keep the rest in bounds.
   */
  #floor(rowsMax: number): number {
    const { cost, surroundings } = this.#o;
    const short = cost.b > 0 ? Math.max(shortQueueUs, this.allowedUs / 8) / cost.b : 0;
    return surroundings.slots * Math.max(2 * rowsMax, short);
  }

  /** What would wait for longer than half of what requests allow is of no use to them. */
  #ceiling(rowsMax: number): number {
    const { cost, surroundings, queueRowsMax } = this.#o;
    const inTime = cost.b > 0 ? ((this.allowedUs / 2) * surroundings.slots) / cost.b : queueRowsMax;
    return Math.min(queueRowsMax, Math.max(4 * rowsMax * surroundings.slots, inTime));
  }
}
