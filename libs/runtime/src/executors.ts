import { Executor } from './executor.js';

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
  readonly #count: number;
  readonly #threads: number;
  readonly #onExit: (reason: string) => void;
  #turnAsked = false;
  #isStarted = false;
  #closed = false;

  constructor({
    count,
    threads,
    onExit,
  }: {
    count: number;
    threads: number;
    onExit: (reason: string) => void;
  }) {
    this.#count = count;
    this.#threads = threads;
    this.#onExit = onExit;
  }

  /** Started when they are first needed: the engine takes tens of MiB that an idle process does without. */
  get all(): readonly Executor[] {
    if (!this.#isStarted && !this.#closed) {
      this.#isStarted = true;
      for (let at = 0; at < this.#count; at++) this.#start();
    }
    return this.#all;
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
      void source.dispatch(executor).finally(() => {
        if (this.#all.includes(executor)) this.#free.push(executor);
        this.#assign();
      });
      if (source.hasWork) this.#waiting.add(source);
    }
  }

  #start(): void {
    const executor = new Executor({
      threads: this.#threads,
      onExit: (reason) => {
        this.#all.splice(this.#all.indexOf(executor), 1);
        this.#free = this.#free.filter((other) => other !== executor);
        this.#onExit(reason);
        if (!this.#closed) this.#start();
        this.#assign();
      },
    });
    this.#all.push(executor);
    this.#free.push(executor);
  }
}
