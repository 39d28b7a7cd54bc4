import { PlatformError, unavailable } from '@perennial/kernel';
import { joinRows } from './batch.js';
import type { Queued } from './decide/request-queue.js';
import type { Tensor } from './tensor/tensor.js';
import type { Answer } from './types.js';

/** What one run gave to one request, or to a part of it. */
export interface PartAnswer {
  readonly outputs: Tensor[];
  readonly startedAt: number;
  readonly computeUs: number;
  readonly batchId: string;
  readonly batchRows: number;
}

export interface WaitingOptions extends Omit<Queued, 'rowsTaken'> {
  readonly inputs: readonly Tensor[];
  readonly arrivedAt: number;
  readonly wasFree: boolean;
  /** When it was let in, of the time until its answer. */
  readonly predictedUs: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** A request from its arrival to its answer, whole or in parts that are joined again. */
export class Waiting implements Queued {
  readonly priority: number;
  readonly share: string;
  readonly key: string;
  readonly alone: boolean;
  readonly rows: number;
  readonly bytes: number;
  readonly deadlineAt: number;
  readonly inputs: readonly Tensor[];
  readonly arrivedAt: number;
  readonly wasFree: boolean;
  readonly predictedUs: number;
  rowsTaken = 0;
  /** How many executors ended while they ran it, alone or with others. */
  crashes = 0;
  isSettled = false;
  /** Called once, when it is answered or refused. */
  onSettled: (() => void) | undefined;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: unknown) => void;
  #parts: { from: number; answer: PartAnswer }[] | undefined;
  #rowsAnswered = 0;

  constructor(o: WaitingOptions) {
    this.priority = o.priority;
    this.share = o.share;
    this.key = o.key;
    this.alone = o.alone;
    this.rows = o.rows;
    this.bytes = o.bytes;
    this.deadlineAt = o.deadlineAt;
    this.inputs = o.inputs;
    this.arrivedAt = o.arrivedAt;
    this.wasFree = o.wasFree;
    this.predictedUs = o.predictedUs;
    this.#resolve = o.resolve;
    this.#reject = o.reject;
  }

  /** Answers the request when all of its rows are answered. */
  answer(from: number, to: number, answer: PartAnswer): boolean {
    if (this.isSettled) return false;
    if (from > 0 || to < this.rows) {
      this.#parts ??= [];
      this.#parts.push({ from, answer });
      this.#rowsAnswered += to - from;
      if (this.#rowsAnswered < this.rows) return false;
    }
    this.isSettled = true;
    this.onSettled?.();
    this.#resolve(this.#whole(answer));
    return true;
  }

  /** True where it was not answered before. */
  refuse(error: unknown): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    this.onSettled?.();
    this.#reject(error);
    return true;
  }

  #whole(last: PartAnswer): Answer {
    const parts = this.#parts?.sort((a, b) => a.from - b.from).map(({ answer }) => answer) ?? [last];
    const first = parts[0] ?? last;
    return {
      outputs: parts.length === 1 ? last.outputs : joinRows(parts.map(({ outputs }) => outputs)),
      queueUs: (first.startedAt - this.arrivedAt) * 1000,
      computeUs: parts.reduce((sum, { computeUs }) => sum + computeUs, 0),
      batchId: first.batchId,
      batchRows: first.batchRows,
    };
  }
}

export function cancelled(): PlatformError {
  return new PlatformError('CANCELLED', 'caller', 'never', 'the caller went away before the model ran');
}

export function expired(): PlatformError {
  return withoutStack(
    () =>
      new PlatformError(
        'DEADLINE_EXCEEDED',
        'dependency',
        'after',
        'Request timeout expired before the model was free; allow more time, or send fewer rows at a time',
      ),
  );
}

export function stopping(): PlatformError {
  return unavailable('EXECUTOR_CLOSED', 'the model runtime is stopping; ask again');
}

/** `drainUs`: until what waits has run. */
export function exhausted(why: string, drainUs: number): PlatformError {
  const message = `Exceeds maximum queue size: ${why}; send fewer at a time, or again later`;
  const retryAfterMs = Math.max(1, Math.min(60_000, Math.ceil(drainUs / 1000)));
  return withoutStack(
    () => new PlatformError('QUEUE_EXHAUSTED', 'dependency', 'after', message, { retryAfterMs }),
  );
}

/** Under overload most requests end so: the stack takes longer than all the rest, and is the same for each. */
function withoutStack(make: () => PlatformError): PlatformError {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
