import { BusyShare } from './decide/busy-share.js';
import type { Executor } from './executor.js';
import { InlineExecutor } from './inline-executor.js';
import { ThreadExecutor } from './thread-executor.js';

/** Something that has work for an executor. */
export interface Source {
  readonly hasWork: boolean;
  dispatch(executor: Executor): Promise<void>;
}

/**
 * The executors and who waits for one. A free executor goes to the source that has waited longest, one batch at a
 * time, so that a busy model cannot starve a quiet one.
 */
export class Executors {
  readonly #all: Executor[] = [];
  #free: Executor[] = [];
  readonly #waiting = new Set<Source>();
  readonly #count: number | 'inline';
  readonly #threads: number;
  readonly #onExit: (reason: string) => void;
  readonly #load: BusyShare;
  #turnAsked = false;
  #isStarted = false;
  #closed = false;

  constructor({
    count,
    threads,
    onExit,
  }: {
    /** Threads of their own, or this one. */
    count: number | 'inline';
    threads: number;
    onExit: (reason: string) => void;
  }) {
    this.#count = count;
    this.#load = new BusyShare(count === 'inline' ? 1 : count);
    this.#threads = threads;
    this.#onExit = onExit;
  }

  /** Started when they are first needed: the engine takes tens of MiB that an idle process does without. */
  get all(): readonly Executor[] {
    if (!this.#isStarted && !this.#closed) {
      this.#isStarted = true;
      if (this.#count === 'inline') this.#add(new InlineExecutor({ threads: this.#threads }));
      else for (let at = 0; at < this.#count; at++) this.#start();
    }
    return this.#all;
  }

  /** 0 to 1, over the last tenths of a second. */
  get utilisation(): number {
    return this.#load.at(performance.now());
  }

  /** Gives the source an executor as soon as one is free. */
  ask(source: Source): void {
    this.#waiting.add(source);
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    // Requests that arrive in the same turn of the event loop share a batch.
    setImmediate(() => {
      this.#turnAsked = false;
      this.#assign();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#all.map((executor) => executor.close()));
  }

  #assign(): void {
    for (const source of this.#waiting) {
      const executor = this.#free.pop();
      if (!executor) return;
      this.#waiting.delete(source);
      this.#load.began(performance.now());
      void source.dispatch(executor).finally(() => {
        this.#load.ended(performance.now());
        if (this.#all.includes(executor)) this.#free.push(executor);
        this.#assign();
      });
      if (source.hasWork) this.#waiting.add(source);
    }
  }

  #start(): void {
    const executor = new ThreadExecutor({
      threads: this.#threads,
      onExit: (reason) => {
        this.#all.splice(this.#all.indexOf(executor), 1);
        this.#free = this.#free.filter((other) => other !== executor);
        this.#onExit(reason);
        if (!this.#closed) this.#start();
        this.#assign();
      },
    });
    this.#add(executor);
  }

  #add(executor: Executor): void {
    this.#all.push(executor);
    this.#free.push(executor);
  }
}
