import { type PlatformError, unavailable } from '@perennial/kernel';
import { errorOf } from './error-data.js';
import type { Executor } from './executor.js';
import type { ExecutorAnswer, ExecutorRequest, Golden, LoadedShape } from './executor-messages.js';
import type { Tensor } from './tensor/tensor.js';
import type { Ran } from './types.js';

/** The way to a thread or process that runs models. */
export interface Line {
  post(request: ExecutorRequest): void;
  onAnswer(listener: (answer: ExecutorAnswer) => void): void;
  onExit(listener: (reason: string) => void): void;
  /** Gives up what does not come back; an exit may follow, or not. */
  abandon(): void;
}

type Unnumbered<T> = T extends { job: number } ? Omit<T, 'job'> : never;

interface Pending {
  readonly resolve: (answer: ExecutorAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A thread or process that runs models. A crash fails what it has in hand, as unavailable, and is told to `onExit`; so
 * does a run that is over its limit.
 */
export class RemoteExecutor implements Executor {
  readonly #line: Line;
  readonly #pending = new Map<number, Pending>();
  readonly #onExit: (reason: string) => void;
  readonly #exited: Promise<void>;
  #jobs = 0;
  #closed = false;
  readonly loaded = new Set<string>();
  /** Whether it ever answered. */
  hasWorked = false;

  constructor(line: Line, onExit: (reason: string) => void) {
    this.#line = line;
    this.#onExit = onExit;
    line.onAnswer((answer) => this.#answered(answer));
    this.#exited = new Promise((resolve) => {
      line.onExit((reason) => {
        const wanted = this.#closed;
        this.#closed = true;
        this.#failAll(crashed(reason));
        resolve();
        if (!wanted) onExit(reason);
      });
    });
  }

  async load(digest: string, bytes: Uint8Array, golden: Golden): Promise<LoadedShape> {
    const answer = await this.#ask({ kind: 'load', digest, bytes, golden });
    if (answer.kind !== 'loaded') throw new Error(`expected loaded, got ${answer.kind}`);
    this.loaded.add(digest);
    return answer.shape;
  }

  async run(digest: string, inputs: readonly Tensor[], limitMs: number): Promise<Ran> {
    const timer = setTimeout(() => {
      // An answer that is here already and was only not read yet, is read first.
      setImmediate(() => {
        if (timer.hasRef()) this.#giveUp(`a run of ${digest} was not over after ${Math.round(limitMs)} ms`);
      });
    }, limitMs);
    const answer = await this.#ask({ kind: 'run', digest, inputs }).finally(() =>
      clearTimeout(timer.unref()),
    );
    if (answer.kind !== 'ran') throw new Error(`expected ran, got ${answer.kind}`);
    return answer;
  }

  async unload(digest: string): Promise<void> {
    this.loaded.delete(digest);
    await this.#ask({ kind: 'unload', digest });
  }

  /** It ends by itself, behind what it has in hand: to stop a thread inside of the engine would end the process. */
  async close(): Promise<void> {
    if (this.#closed) return;
    // A crash on the way out is an end too.
    const ended = this.#ask({ kind: 'end' }).catch(() => undefined);
    this.#closed = true;
    await ended;
    await this.#exited;
  }

  #ask(request: Unnumbered<ExecutorRequest>): Promise<ExecutorAnswer> {
    const job = ++this.#jobs;
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(unavailable('EXECUTOR_CLOSED', 'the model executor has ended; ask again'));
        return;
      }
      this.#pending.set(job, { resolve, reject });
      this.#line.post({ ...request, job } as ExecutorRequest);
    });
  }

  #answered(answer: ExecutorAnswer): void {
    this.hasWorked = true;
    const pending = this.#pending.get(answer.job);
    this.#pending.delete(answer.job);
    if (answer.kind === 'failed') pending?.reject(errorOf(answer.error));
    else pending?.resolve(answer);
  }

  #giveUp(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#line.abandon();
    this.#failAll(stuck(reason));
    this.#onExit(reason);
  }

  #failAll(error: PlatformError): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    this.loaded.clear();
  }
}

function crashed(internal: string): PlatformError {
  return unavailable('EXECUTOR_CRASHED', 'the model executor ended while it ran this; ask again', {
    internal,
  });
}

function stuck(internal: string): PlatformError {
  return unavailable('EXECUTOR_STUCK', 'the model executor did not come back from this; ask again', {
    internal,
  });
}
