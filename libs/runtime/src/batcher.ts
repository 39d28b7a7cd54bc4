import { PlatformError } from '@perennial/kernel';
import { bytesOf, joinRows, rowsOf, shapeKey, sliceRows, splitRows } from './batch.js';
import { nextBatchId } from './batch-id.js';
import { rowsMaxOf, rowsToTake, rowsWithin } from './decide/batch-rows.js';
import { type DispatchReason, reasonOf } from './decide/dispatch-reason.js';
import { Hold } from './decide/hold.js';
import { type Part, RequestQueue, type Taken } from './decide/request-queue.js';
import { Gate, type GateOptions } from './gate.js';
import { runtimeLimits } from './limits.js';
import { Quarantine } from './quarantine.js';
import type { Tensor } from './tensor/tensor.js';
import type { Answer, InferOptions, Ran } from './types.js';
import { cancelled, expired, stopping, Waiting } from './waiting.js';

/** Runs joined inputs; `limitMs` is when a run counts as stuck. */
export type Run = (inputs: Tensor[], limitMs: number) => Promise<Ran>;

/** What became of one batch. */
export interface BatchRan {
  readonly requests: number;
  readonly rows: number;
  readonly computeUs: number;
  readonly failed: boolean;
  /** The executor did not come back from it. */
  readonly isStuck: boolean;
  readonly reason: DispatchReason;
}

export interface BatcherOptions extends GateOptions {
  /** False where rows cannot be run together: then each request runs alone. */
  readonly batchable: boolean;
  readonly preferredBatch: readonly number[];
  /** A run may take no longer: where it blocks the thread that also does other things. */
  readonly budgetUs: number;
  /** Told when there is work and none was before. */
  readonly wake: () => void;
  readonly onBatch?: (batch: BatchRan) => void;
  readonly onDropped?: () => void;
  /** Told when nothing waits or runs any more. */
  readonly onIdle?: () => void;
}

/** The middle of the urgencies, which run from 1. */
const priorityDefault = 100;

/**
 * Gathers the requests of one model while every executor is busy: a free executor takes all that fit in one run, so
 * that a lone request never waits for a window and many share the cost of one. What waits is bounded, and what cannot
 * be answered in time is refused before any work is done for it.
 */
export class Batcher {
  readonly #o: BatcherOptions;
  readonly #queue = new RequestQueue<Waiting>();
  readonly #again: Part<Waiting>[] = [];
  readonly #hold = new Hold();
  readonly #gate: Gate;
  readonly #quarantine = new Quarantine();
  #rowsRunning = 0;
  #inFlight = 0;
  #holdEndsAt: number | undefined;
  #holdEnd: 'none' | 'over' | 'deadline' = 'none';
  #wasCut = false;
  #isClosed = false;

  constructor(options: BatcherOptions) {
    this.#o = options;
    this.#gate = new Gate(options);
  }

  /** Requests that wait or run. */
  get inHand(): number {
    return this.#queue.size + this.#inFlight + this.#again.length;
  }

  get rowsWaiting(): number {
    return this.#queue.rows;
  }

  get hasWork(): boolean {
    return this.#queue.size > 0 || this.#again.length > 0;
  }

  /** Microseconds that what waits will take. */
  get backlogUs(): number {
    const { cost } = this.#o;
    return Math.ceil(this.#queue.rows / this.rowsMax) * cost.a + this.#queue.rows * cost.b;
  }

  /** Rows of one run at most, as learned. */
  get rowsMax(): number {
    return rowsMaxOf(this.#o.cost, {
      cap: runtimeLimits.batchRowsMax,
      allowedUs: this.#gate.allowedUs,
      budgetUs: this.#o.budgetUs,
    });
  }

  /**
   * Answers when the request has run.
   *
   * @throws PlatformError QUEUE_EXHAUSTED (shed at once), DEADLINE_EXCEEDED (dropped before it ran), CANCELLED,
   * REQUEST_QUARANTINED
   */
  submit(inputs: readonly Tensor[], options: InferOptions = {}): Promise<Answer> {
    const { signal } = options;
    const now = performance.now();
    if (this.#isClosed) throw stopping();
    if (signal?.aborted) throw cancelled();
    const refusal = this.#quarantine.refusal(inputs, now);
    if (refusal) throw refusal;
    const request = {
      inputs,
      priority: options.priority || priorityDefault,
      share: options.share ?? '',
      key: this.#o.batchable ? shapeKey(inputs) : '',
      alone: options.alone === true || !this.#o.batchable,
      rows: rowsOf(inputs),
      bytes: bytesOf(inputs),
      deadlineAt: options.deadlineAt ?? Number.POSITIVE_INFINITY,
      arrivedAt: now,
    };
    const predictedUs = this.#gate.admit(request, this.#queue, {
      rowsRunning: this.#rowsRunning,
      rowsMax: this.rowsMax,
      backlogUs: this.backlogUs,
      evict: (victim, error) => this.#refuse(victim, error),
    });
    return new Promise((resolve, reject) => {
      const hadWork = this.hasWork;
      const wasFree = this.#o.surroundings.freeInUs() === 0;
      const waiting = new Waiting({ ...request, wasFree, predictedUs, resolve, reject });
      this.#queue.push(waiting);
      this.#o.held.bytes += request.bytes;
      if (signal) this.#heed(signal, waiting);
      if (!hadWork) this.#o.wake();
      else if (this.#holdEndsAt !== undefined && this.#queue.rows >= this.rowsMax) this.#o.wake();
    });
  }

  /** What waits is refused, and what runs is not tried again if it fails. */
  close(): void {
    this.#isClosed = true;
    for (const waiting of [...this.#queue.requests]) this.#refuse(waiting, stopping());
    for (const { request } of this.#again.splice(0)) request.refuse(stopping());
    this.#checkIdle();
  }

  /** Milliseconds to hold what waits for more to come; asked only while an executor is free. */
  holdMs(now: number): number {
    const { cost } = this.#o;
    if (this.#again.length > 0 || 2 * cost.a < 500 || this.#o.budgetUs < Number.POSITIVE_INFINITY) return 0;
    const rows = this.#queue.rows;
    const slackUs = (this.#queue.earliestDeadline() - now) * 1000 - cost.predict(rows);
    const budgetUs = this.#hold.budgetUs({ a: cost.a, b: cost.b, rows, slackUs });
    if (budgetUs === 0 || rows >= this.rowsMax) {
      if (this.#holdEndsAt !== undefined) this.#holdEnd = rows >= this.rowsMax ? 'none' : 'deadline';
      return 0;
    }
    this.#holdEndsAt ??= now + budgetUs / 1000;
    const leftMs = Math.min(this.#holdEndsAt - now, budgetUs / 1000);
    if (leftMs <= 0) this.#holdEnd = 'over';
    return Math.max(0, leftMs);
  }

  /**
   * Starts the next batch; undefined where all that waited was too late. `onFree` is called when the executor is free
   * again, before anybody is answered: who asks again at once is to find it so. `done` never rejects.
   */
  start(
    run: Run,
    onFree: () => void = () => undefined,
  ): { predictedUs: number; done: Promise<void> } | undefined {
    const { parts, reason, rows } = this.#take();
    this.#holdEndsAt = undefined;
    this.#holdEnd = 'none';
    if (parts.length === 0) {
      // Whoever waits for the last one to go hears of none that comes after it.
      this.#checkIdle();
      return undefined;
    }
    this.#inFlight += parts.length;
    this.#rowsRunning += rows;
    const done = this.#runBatch(parts, reason, run).then((settle) => {
      this.#inFlight -= parts.length;
      this.#rowsRunning -= rows;
      onFree();
      settle();
      this.#checkIdle();
    });
    return { predictedUs: this.#o.cost.predict(rows), done };
  }

  #take(): { parts: Part<Waiting>[]; reason: DispatchReason; rows: number } {
    let again = this.#again.shift();
    while (again?.request.isSettled) again = this.#again.shift();
    if (again) return { parts: [again], reason: 'retry', rows: again.to - again.from };
    const { preferredBatch } = this.#o;
    const now = performance.now();
    const rowsMax = this.rowsMax;
    const target = rowsToTake(this.#queue.rows, rowsMax, preferredBatch);
    const taken: Taken<Waiting> = this.#queue.take(target, this.#fit(now, target), (late) =>
      this.#drop(late),
    );
    const { parts, rows, isFull, isMixed } = taken;
    const first = parts[0];
    for (const { request, to } of parts) if (to === request.rows) this.#o.held.bytes -= request.bytes;
    const reason = reasonOf({
      isRetry: false,
      isAlone: first?.request.alone === true,
      isPart: parts.some(({ request, from, to }) => from > 0 || to < request.rows),
      isFull,
      isPreferred: target < rowsMax && rows === target,
      isMixed,
      hold: this.#holdEnd,
      wasFree: first?.request.wasFree === true,
    });
    return { parts, reason, rows };
  }

  /**
   * How many rows may run with a request so that it is in time; 0 where it no longer can be. Batches that are cut short
   * for one request after another would serve ever fewer, each later than the one before: only every second one may be cut
   * to less than half of what waits, and what would need it else is too late.
   */
  #fit(now: number, target: number): (request: Waiting) => number {
    const { cost } = this.#o;
    const half = Math.min(target, this.#queue.rows) / 2;
    const mayCut = !this.#wasCut;
    this.#wasCut = false;
    return ({ deadlineAt, rows, rowsTaken }) => {
      if (deadlineAt === Number.POSITIVE_INFINITY) return deadlineAt;
      if (deadlineAt <= now) return 0;
      const least = Math.max(1, Math.min(rows - rowsTaken, target));
      const fit = rowsWithin(cost, (deadlineAt - now) * 1000, least);
      // The last one is tried whatever the prediction says, or a wrong one would never be mended.
      if (this.#queue.size === 1) return Math.max(fit, least);
      if (fit === 0 || fit >= half) return fit;
      if (mayCut) this.#wasCut = true;
      return mayCut ? fit : 0;
    };
  }

  /** Resolves to what answers the requests. */
  async #runBatch(parts: readonly Part<Waiting>[], reason: DispatchReason, run: Run): Promise<() => void> {
    const startedAt = performance.now();
    const counts = parts.map(({ from, to }) => to - from);
    const rows = counts.reduce((sum, count) => sum + count, 0);
    const told = { requests: parts.length, rows, reason };
    try {
      const { outputs, computeUs } = await run(joinRows(parts.map(inputsOfPart)), this.#stuckAfterMs(rows));
      const pieces = splitRows(outputs, counts);
      this.#learn(rows, (performance.now() - startedAt) * 1000);
      this.#o.onBatch?.({ ...told, computeUs, failed: false, isStuck: false });
      const batchId = nextBatchId();
      return () => {
        parts.forEach(({ request, from, to }, at) => {
          request.answer(from, to, {
            outputs: pieces[at] ?? [],
            startedAt,
            computeUs,
            batchId,
            batchRows: rows,
          });
        });
        const first = parts[0]?.request;
        if (first && reason !== 'retry')
          this.#gate.answered(first, this.#queue.rows + this.#rowsRunning, this.rowsMax);
      };
    } catch (error) {
      this.#o.onBatch?.({ ...told, computeUs: 0, failed: true, isStuck: codeOf(error) === 'EXECUTOR_STUCK' });
      if (isCrash(error) && !this.#isClosed) return () => this.#afterCrash(parts, error);
      if (parts.length > 1) return this.#runSingly(parts, run);
      return () => this.#refuseAll(parts, error);
    }
  }

  /** One bad request must not fail its neighbours: each is tried alone. */
  async #runSingly(parts: readonly Part<Waiting>[], run: Run): Promise<() => void> {
    let settle = () => {};
    for (const part of parts) {
      settle();
      settle = part.request.isSettled ? () => {} : await this.#runBatch([part], 'retry', run);
    }
    return settle;
  }

  /**
   * An executor ended under these requests; the next one gets each of them alone, so that a request that brings
   * executors down takes no other with it. The second time it is given up, and refused for a while.
   */
  #afterCrash(parts: readonly Part<Waiting>[], error: unknown): void {
    const hadWork = this.hasWork;
    for (const part of parts) {
      const { request } = part;
      request.crashes += 1;
      if (request.isSettled) continue;
      if (request.crashes < runtimeLimits.crashesMax) this.#again.push(part);
      else {
        this.#quarantine.add(request.inputs, performance.now());
        this.#refuse(request, error);
      }
    }
    if (!hadWork && this.#again.length > 0) this.#o.wake();
  }

  #learn(rows: number, tookUs: number): void {
    const { cost, surroundings } = this.#o;
    cost.observe(rows, tookUs);
    if (2 * cost.a >= 500)
      this.#hold.ran({ now: performance.now(), utilisation: surroundings.utilisation, a: cost.a });
  }

  /** Ten times what it should take, and never less than two seconds: a machine has worse moments than a model. */
  #stuckAfterMs(rows: number): number {
    const { cost } = this.#o;
    if (!cost.isKnown) return runtimeLimits.stuckAfterMsUnknown;
    return Math.max((10 * cost.predict(rows)) / 1000, runtimeLimits.stuckAfterMsMin);
  }

  #heed(signal: NonNullable<InferOptions['signal']>, waiting: Waiting): void {
    const abort = () => this.#refuse(waiting, cancelled());
    signal.addEventListener('abort', abort);
    waiting.onSettled = () => signal.removeEventListener('abort', abort);
  }

  #drop(late: Waiting): void {
    this.#o.held.bytes -= late.bytes;
    late.refuse(expired());
    this.#gate.dropped(this.rowsMax);
    this.#o.onDropped?.();
  }

  /** What of it waits, waits no more; what of it runs, runs to its end for nobody. */
  #refuse(waiting: Waiting, error: unknown): void {
    if (this.#queue.remove(waiting)) this.#o.held.bytes -= waiting.bytes;
    waiting.refuse(error);
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.inHand === 0) this.#o.onIdle?.();
  }

  #refuseAll(parts: readonly Part<Waiting>[], error: unknown): void {
    for (const { request } of parts) this.#refuse(request, error);
  }
}

function inputsOfPart({ request, from, to }: Part<Waiting>): readonly Tensor[] {
  if (from === 0 && to === request.rows) return request.inputs;
  return request.inputs.map((tensor) => sliceRows(tensor, from, to));
}

function isCrash(error: unknown): boolean {
  return /^EXECUTOR_(CRASHED|CLOSED|STUCK)$/.test(codeOf(error) ?? '');
}

function codeOf(error: unknown): string | undefined {
  return error instanceof PlatformError ? error.code : undefined;
}
