import type { ServeSettings } from '@perennial/contracts';
import type { Cancellation, Tensor } from '@perennial/runtime';
import { Gather, type Outcome } from '../effects/gather.js';
import type { Inferred } from '../inference.js';
import { gatewayLimits } from '../limits.js';
import { Largest } from './decide/largest.js';
import type { Pace } from './decide/pace.js';
import { cancelled } from './dispatch.js';
import { fleetLimits } from './limits.js';
import type { Pool } from './pool.js';
import { exhausted, tooLate } from './replica.js';

/** One request, times on performance.now(). */
export interface Ask {
  readonly columns: readonly Tensor[];
  readonly rows: number;
  readonly deadlineAt: number;
  readonly signal: Cancellation | undefined;
  readonly traceparents: readonly string[];
}

/** With what was expected of it when it came. */
interface Waiting extends Ask {
  readonly askedAt: number;
  readonly expectedMs: number;
}

export interface LaneOptions {
  readonly serve: ServeSettings | undefined;
  readonly pool: Pool;
  readonly pace: Pace;
  /** Answers all of them, in their order; never rejects. */
  readonly call: (asks: readonly Ask[]) => Promise<readonly Outcome<Inferred>[]>;
}

/**
 * Requests of one caller to one model that travel together and wait for each other. Bounded by rows, and by time: who
 * cannot be answered within its deadline is refused as it comes, before anything is done for it.
 */
export class Lane {
  readonly #o: LaneOptions;
  readonly #gather: Gather<Waiting, Inferred>;
  readonly #allowed = new Largest(fleetLimits.habitsWindowMs);
  /** Rows of the smallest request, negated. */
  readonly #least = new Largest(fleetLimits.habitsWindowMs);
  /** When messages that are under way should be answered. */
  readonly #ends = new Set<{ readonly at: number }>();

  constructor(options: LaneOptions) {
    this.#o = options;
    const { pace } = options;
    this.#gather = new Gather({
      sizeOf: ({ rows }) => rows,
      sizeMax: gatewayLimits.jointRowsMax,
      patienceMs: gatewayLimits.gatherPatienceMs,
      callsMax: () => this.#callsMax,
      refusal: ({ deadlineAt, signal }, isLast) => {
        if (signal?.aborted) return cancelled();
        const leftMs = deadlineAt - performance.now();
        if (leftMs <= 0) return tooLate();
        // The last one is tried whatever is expected, or a wrong expectation would never be mended.
        if (isLast) return undefined;
        const together = Math.min(this.#gather.size, gatewayLimits.jointRowsMax);
        return pace.isInTime(pace.messageMs(together), leftMs) ? undefined : tooLate();
      },
      call: (asks) => this.#call(asks),
    });
  }

  /** How its deployment wanted it served when it began. */
  get serve(): ServeSettings | undefined {
    return this.#o.serve;
  }

  get isIdle(): boolean {
    return this.#gather.isIdle;
  }

  /** @throws PlatformError QUEUE_EXHAUSTED at once; and as LaneOptions.call */
  ask(ask: Ask): Promise<Inferred> {
    const now = performance.now();
    const leftMs = ask.deadlineAt - now;
    this.#allowed.add(leftMs, now);
    this.#least.add(-ask.rows, now);
    const expectedMs = this.#expectedMs(ask.rows, now);
    const refusal = this.#refusal(ask.rows, leftMs, expectedMs);
    if (refusal !== undefined) throw exhausted(refusal, expectedMs);
    return this.#gather.ask({ ...ask, askedAt: now, expectedMs });
  }

  /** Why nothing that its caller asked of late would be let in now; undefined where something would. */
  refusesAll(now: number): string | undefined {
    const rows = -this.#least.value;
    return this.#refusal(rows, this.#allowed.value, this.#expectedMs(rows, now));
  }

  /** With nobody before it a request is tried whatever is expected, and where nobody is there the pool has counted it. */
  #refusal(rows: number, leftMs: number, expectedMs: number): string | undefined {
    const { size } = this.#gather;
    const { pool, pace, serve } = this.#o;
    const rowsMax = serve?.queueRowsMax || fleetLimits.waitingRowsMax;
    if (size === 0 || pool.isEmpty) return undefined;
    if (size + rows > rowsMax) return `${size} rows wait for this model already`;
    if (pace.isInTime(expectedMs, leftMs)) return undefined;
    return `an answer would take ${Math.ceil(expectedMs)} ms, and ${Math.ceil(leftMs)} ms are left`;
  }

  /** Where more waits than one message takes, a replica that is done finds the next one there already. */
  get #callsMax(): number {
    return this.#o.pool.slots + (this.#gather.size >= gatewayLimits.jointRowsMax ? 1 : 0);
  }

  #expectedMs(rows: number, now: number): number {
    const { pace } = this.#o;
    const slots = this.#callsMax;
    let freeInMs = 0;
    if (this.#ends.size >= slots) {
      let next = Number.POSITIVE_INFINITY;
      for (const { at } of this.#ends) if (at < next) next = at;
      freeInMs = Math.max(0, next - now);
    }
    return pace.expectedMs({
      rows,
      rowsAhead: this.#gather.size,
      rowsMax: gatewayLimits.jointRowsMax,
      slots,
      freeInMs,
    });
  }

  async #call(asks: readonly Waiting[]): Promise<readonly Outcome<Inferred>[]> {
    const { pace, call } = this.#o;
    const startedAt = performance.now();
    const rows = asks.reduce((sum, ask) => sum + ask.rows, 0);
    const end = { at: startedAt + pace.messageMs(rows) };
    this.#ends.add(end);
    const outcomes = await call(asks);
    this.#ends.delete(end);
    if (outcomes.some((one) => 'answer' in one)) {
      const now = performance.now();
      pace.answered(rows, now - startedAt);
      // Once for each message, with its oldest: a pause that met a hundred requests is one pause.
      const [first] = asks;
      if (first) pace.held(first.expectedMs, now - first.askedAt);
    }
    return outcomes;
  }
}
