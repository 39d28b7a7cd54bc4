import { PlatformError, unavailable, uuidv7 } from '@perennial/kernel';
import { bytesOf, joinRows, rowsOf, shapeKey, splitRows } from './batch.js';
import { runtimeLimits } from './limits.js';
import type { Tensor } from './tensor/tensor.js';
import type { Answer, InferOptions, Ran } from './types.js';

/** Batches of one process, told apart from those of every other. */
const batchPrefix = uuidv7().slice(0, 18);
let batchCount = 0;

type Run = (inputs: Tensor[]) => Promise<Ran>;

interface Waiting {
  readonly inputs: readonly Tensor[];
  readonly rows: number;
  readonly bytes: number;
  readonly key: string;
  readonly arrivedAt: number;
  /** On performance.now(); Infinity where there is none. */
  readonly deadlineAt: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
  readonly alone: boolean;
  /** How many executors ended while they ran this request, alone or with others. */
  crashes: number;
}

export interface BatcherOptions {
  /** False where the model's first dimension is fixed: then each request runs alone. */
  readonly batchable: boolean;
  /** Told once when there is work and no dispatch is asked for yet; whoever is told calls dispatch() when an executor is free. */
  readonly wake: () => void;
  readonly onBatch?: (batch: { requests: number; rows: number; computeUs: number; failed: boolean }) => void;
}

/**
 * Gathers the requests of one model while every executor is busy: a free executor takes all that fit in one run, so
 * that a lone request never waits for a window and many share the cost of one.
 */
export class Batcher {
  readonly #options: BatcherOptions;
  #queue: Waiting[] = [];
  #rows = 0;
  #bytes = 0;
  #inFlight = 0;
  #isClosed = false;

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /** Requests that wait or run. */
  get inHand(): number {
    return this.#queue.length + this.#inFlight;
  }

  get rowsWaiting(): number {
    return this.#rows;
  }

  get hasWork(): boolean {
    return this.#queue.length > 0;
  }

  /**
   * Answers when the request has run.
   *
   * @throws PlatformError QUEUE_EXHAUSTED (shed at once) or DEADLINE_EXCEEDED (dropped before it ran)
   */
  submit(
    inputs: readonly Tensor[],
    { deadlineAt = Number.POSITIVE_INFINITY, alone = false, signal }: InferOptions = {},
  ): Promise<Answer> {
    const rows = rowsOf(inputs);
    const bytes = bytesOf(inputs);
    const over =
      this.#rows + rows > runtimeLimits.queueRowsMax || this.#bytes + bytes > runtimeLimits.queueBytesMax;
    if (over && this.#queue.length > 0) {
      throw new PlatformError(
        'QUEUE_EXHAUSTED',
        'dependency',
        'after',
        `Exceeds maximum queue size: ${this.#rows} rows wait for this model already; send fewer at a time, or again later`,
        { retryAfterMs: 200 },
      );
    }
    if (signal?.aborted) throw cancelled();
    return new Promise((resolve, reject) => {
      const wasIdle = this.#queue.length === 0;
      const waiting: Waiting = {
        inputs,
        rows,
        bytes,
        key: this.#options.batchable ? shapeKey(inputs) : '',
        arrivedAt: performance.now(),
        deadlineAt,
        resolve,
        reject,
        alone,
        crashes: 0,
      };
      this.#queue.push(waiting);
      signal?.addEventListener('abort', () => this.#cancel(waiting));
      this.#rows += rows;
      this.#bytes += bytes;
      if (wasIdle) this.#options.wake();
    });
  }

  /** What waits is refused, and what runs is not tried again if it fails. */
  close(): void {
    this.#isClosed = true;
    for (const waiting of this.#queue.splice(0)) {
      this.#forget(waiting);
      waiting.reject(unavailable('EXECUTOR_CLOSED', 'the model runtime is stopping; ask again'));
    }
  }

  /** Runs the next batch; resolves, never rejects, when it is answered. */
  async dispatch(run: Run): Promise<void> {
    const batch = this.#take();
    if (batch.length === 0) return;
    this.#inFlight += batch.length;
    try {
      await this.#runBatch(batch, run);
    } finally {
      this.#inFlight -= batch.length;
    }
  }

  async #runBatch(batch: readonly Waiting[], run: Run): Promise<void> {
    const startedAt = performance.now();
    const rows = batch.reduce((sum, waiting) => sum + waiting.rows, 0);
    const told = { requests: batch.length, rows };
    const batchId = `${batchPrefix}-${(batchCount++).toString(36)}`;
    try {
      const { outputs, computeUs } = await run(joinRows(batch.map(({ inputs }) => inputs)));
      const parts = splitRows(
        outputs,
        batch.map((waiting) => waiting.rows),
      );
      this.#options.onBatch?.({ ...told, computeUs, failed: false });
      batch.forEach((waiting, at) => {
        const queueUs = (startedAt - waiting.arrivedAt) * 1000;
        waiting.resolve({ outputs: parts[at] ?? [], queueUs, computeUs, batchId, batchRows: rows });
      });
    } catch (error) {
      this.#options.onBatch?.({ ...told, computeUs: 0, failed: true });
      if (isCrash(error) && !this.#isClosed) this.#again(batch, error);
      else if (batch.length === 1) batch[0]?.reject(error);
      // One bad request must not fail its neighbours: each is tried alone.
      else for (const waiting of batch) await this.#runBatch([waiting], run);
    }
  }

  /**
   * An executor ended under these requests; the next one gets each of them alone, so that a request that brings
   * executors down takes no other with it and is given up after some.
   */
  #again(batch: readonly Waiting[], error: unknown): void {
    const wasIdle = this.#queue.length === 0;
    const kept = batch.filter((waiting) => {
      waiting.crashes += 1;
      if (waiting.crashes > runtimeLimits.crashesMax) waiting.reject(error);
      return waiting.crashes <= runtimeLimits.crashesMax;
    });
    for (const { rows, bytes } of kept) {
      this.#rows += rows;
      this.#bytes += bytes;
    }
    this.#queue.unshift(...kept);
    if (wasIdle && kept.length > 0) this.#options.wake();
  }

  /** The oldest requests that fit one run and share a shape; those past their deadline are answered here. */
  #take(): Waiting[] {
    const now = performance.now();
    const taken: Waiting[] = [];
    const kept: Waiting[] = [];
    let rows = 0;
    for (const waiting of this.#queue) {
      const first = taken[0];
      if (waiting.deadlineAt <= now) {
        this.#forget(waiting);
        waiting.reject(expired());
      } else if (
        !first ||
        (this.#options.batchable &&
          first.crashes === 0 &&
          !first.alone &&
          !waiting.alone &&
          waiting.crashes === 0 &&
          waiting.key === first.key &&
          rows + waiting.rows <= runtimeLimits.batchRowsMax)
      ) {
        this.#forget(waiting);
        taken.push(waiting);
        rows += waiting.rows;
      } else kept.push(waiting);
    }
    this.#queue = kept;
    return taken;
  }

  /** Of no use any more: its place is free at once. What runs already runs to its end. */
  #cancel(waiting: Waiting): void {
    const at = this.#queue.indexOf(waiting);
    if (at < 0) return;
    this.#queue.splice(at, 1);
    this.#forget(waiting);
    waiting.reject(cancelled());
  }

  #forget(waiting: Waiting): void {
    this.#rows -= waiting.rows;
    this.#bytes -= waiting.bytes;
  }
}

function isCrash(error: unknown): boolean {
  return error instanceof PlatformError && /^EXECUTOR_(CRASHED|CLOSED)$/.test(error.code);
}

function cancelled(): PlatformError {
  return new PlatformError('CANCELLED', 'caller', 'never', 'the caller went away before the model ran');
}

function expired(): PlatformError {
  return new PlatformError(
    'DEADLINE_EXCEEDED',
    'dependency',
    'after',
    'Request timeout expired before the model was free; allow more time, or send fewer rows at a time',
  );
}
