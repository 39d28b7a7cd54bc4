import { Worker } from 'node:worker_threads';
import { unavailable } from '@perennial/kernel';
import { errorOf } from './error-data.js';
import type { Executor } from './executor.js';
import type { ExecutorAnswer, ExecutorRequest, Golden, LoadedShape } from './executor-messages.js';
import type { HostOptions } from './model-host.js';
import type { Tensor } from './tensor/tensor.js';
import type { Ran } from './types.js';

/** Tests run the sources; a worker thread needs JavaScript, which the build put beside them. */
const workerUrl = new URL(
  import.meta.url.endsWith('.ts') ? '../dist/executor-worker.js' : './executor-worker.js',
  import.meta.url,
);

type Unnumbered<T> = T extends { job: number } ? Omit<T, 'job'> : never;

interface Pending {
  readonly resolve: (answer: ExecutorAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/** One thread that runs models. A crash fails what it has in hand, as unavailable, and is told to `onExit`. */
export class ThreadExecutor implements Executor {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #onExit: (reason: string) => void;
  #jobs = 0;
  #closed = false;
  readonly loaded = new Set<string>();

  constructor({ host, onExit }: { host: HostOptions; onExit: (reason: string) => void }) {
    this.#worker = new Worker(workerUrl, { workerData: host });
    this.#worker.on('message', (answer: ExecutorAnswer) => this.#answered(answer));
    let reason = 'it ended';
    this.#worker.on('error', (error) => {
      reason = error.message;
    });
    this.#onExit = onExit;
    this.#worker.on('exit', (code) => {
      const wanted = this.#closed;
      this.#closed = true;
      this.#failAll('EXECUTOR_CRASHED', `${reason} (exit code ${code})`);
      if (!wanted) onExit(`${reason} (exit code ${code})`);
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

  /** To stop the thread inside of the engine would end the process; so it ends by itself, behind what it has in hand. */
  async close(): Promise<void> {
    if (this.#closed) return;
    const exited = new Promise((resolve) => this.#worker.once('exit', resolve));
    // A crash on the way out is an end too.
    const ended = this.#ask({ kind: 'end' }).catch(() => undefined);
    this.#closed = true;
    await ended;
    await exited;
  }

  #ask(request: Unnumbered<ExecutorRequest>): Promise<ExecutorAnswer> {
    const job = ++this.#jobs;
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(unavailable('EXECUTOR_CLOSED', 'the model executor has ended; ask again'));
        return;
      }
      this.#pending.set(job, { resolve, reject });
      this.#worker.postMessage({ ...request, job });
    });
  }

  #answered(answer: ExecutorAnswer): void {
    const pending = this.#pending.get(answer.job);
    this.#pending.delete(answer.job);
    if (answer.kind === 'failed') pending?.reject(errorOf(answer.error));
    else pending?.resolve(answer);
  }

  /**
   * A thread inside of the engine cannot be stopped without the process. It is left to itself, told to end when it comes
   * back, and another one takes its place.
   */
  #giveUp(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#worker.postMessage({ job: 0, kind: 'end' } satisfies ExecutorRequest);
    this.#worker.unref();
    this.#failAll('EXECUTOR_STUCK', reason);
    this.#onExit(reason);
  }

  #failAll(code: 'EXECUTOR_CRASHED' | 'EXECUTOR_STUCK', internal: string): void {
    const what = code === 'EXECUTOR_CRASHED' ? 'ended while it ran this' : 'did not come back from this';
    for (const { reject } of this.#pending.values())
      reject(unavailable(code, `the model executor ${what}; ask again`, { internal }));
    this.#pending.clear();
    this.loaded.clear();
  }
}
