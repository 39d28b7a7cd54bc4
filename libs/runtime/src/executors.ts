import { BusyShare } from './decide/busy-share.js';
import { RestartPause } from './decide/restart-pause.js';
import { Turns } from './decide/turns.js';
import type { Executor } from './executor.js';
import { InlineExecutor } from './inline-executor.js';
import type { HostOptions } from './model-host.js';
import { processLine } from './process-line.js';
import { RemoteExecutor } from './remote-executor.js';
import type { Tensor } from './tensor/tensor.js';
import { threadLine } from './thread-line.js';
import type { Ran } from './types.js';

/** Something that has work for an executor. */
export interface Source {
  readonly hasWork: boolean;
  /** Microseconds of work that waits. */
  readonly backlogUs: number;
  /** Milliseconds that it would rather wait for more work; asked only while an executor is free. */
  holdMs(now: number): number;
  /** Undefined where there was nothing to start after all; else `onFree` is called once. `done` never rejects. */
  start(executor: Executor, onFree: () => void): { predictedUs: number; done: Promise<void> } | undefined;
}

export interface ExecutorsOptions {
  /** Threads of their own, or this one. */
  readonly count: number | 'inline';
  readonly host: HostOptions;
  readonly isolation: 'thread' | 'process';
  readonly onExit: (reason: string) => void;
}

interface Running {
  readonly startedAt: number;
  readonly predictedUs: number;
}

/**
 * The executors and who waits for one. A free executor goes to the source that was given the least time so far, one
 * batch at a time, so that neither a busy model nor a slow one can starve another.
 */
export class Executors {
  readonly #o: ExecutorsOptions;
  readonly #all: Executor[] = [];
  #free: Executor[] = [];
  readonly #turns = new Turns<Source>();
  readonly #waiting = new Set<Source>();
  readonly #running = new Map<Executor, Running>();
  readonly #load: BusyShare;
  readonly #restartPause = new RestartPause();
  #holdTimer: NodeJS.Timeout | undefined;
  #turnAsked = false;
  #isStarted = false;
  #closed = false;

  constructor(options: ExecutorsOptions) {
    this.#o = options;
    this.#load = new BusyShare(this.slots);
  }

  /** Batches that run at the same time. */
  get slots(): number {
    return this.#o.count === 'inline' ? 1 : this.#o.count;
  }

  /** Started when they are first needed: the engine takes tens of MiB that an idle process does without. */
  get all(): readonly Executor[] {
    if (!this.#isStarted && !this.#closed) {
      this.#isStarted = true;
      if (this.#o.count === 'inline') this.#add(new InlineExecutor(this.#o.host));
      else for (let at = 0; at < this.#o.count; at++) this.#start();
    }
    return this.#all;
  }

  /** 0 to 1, over the last tenths of a second. */
  get utilisation(): number {
    return this.#load.at(performance.now());
  }

  /** Until the soonest executor is free, in microseconds; 0 where one is. */
  freeInUs(): number {
    if (this.#free.length > 0 || this.#running.size === 0) return 0;
    const now = performance.now();
    let soonest = Number.POSITIVE_INFINITY;
    for (const { startedAt, predictedUs } of this.#running.values())
      soonest = Math.min(soonest, Math.max(1, predictedUs - (now - startedAt) * 1000));
    return soonest;
  }

  /** What the other sources have waiting, in microseconds each. */
  others(than: Source): number[] {
    const found: number[] = [];
    for (const source of this.#waiting) if (source !== than) found.push(source.backlogUs);
    return found;
  }

  /** A run on this thread that is over when it returns; undefined where it has to wait its turn, or cannot be here. */
  runNow(digest: string, inputs: readonly Tensor[]): Ran | undefined {
    const executor = this.#waiting.size === 0 ? this.#free[this.#free.length - 1] : undefined;
    return executor?.runNow?.(digest, inputs);
  }

  /** Gives the source an executor as soon as one is free. */
  ask(source: Source): void {
    this.#waiting.add(source);
    this.#turns.add(source);
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    // Requests that arrive in the same turn of the event loop share a batch.
    setImmediate(() => {
      this.#turnAsked = false;
      this.#assign();
    });
  }

  forget(source: Source): void {
    this.#waiting.delete(source);
    this.#turns.delete(source);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#holdTimer);
    await Promise.all(this.#all.map((executor) => executor.close()));
  }

  #assign(): void {
    const holding: Source[] = [];
    let holdMs = Number.POSITIVE_INFINITY;
    while (this.#free.length > 0) {
      const source = this.#turns.next();
      if (!source) break;
      this.#waiting.delete(source);
      if (!source.hasWork) continue;
      const asked = source.holdMs(performance.now());
      if (asked > 0) {
        holding.push(source);
        holdMs = Math.min(holdMs, asked);
      } else this.#run(source, this.#free.pop() as Executor);
    }
    for (const source of holding) {
      this.#waiting.add(source);
      this.#turns.add(source);
    }
    clearTimeout(this.#holdTimer);
    if (holding.length > 0) this.#holdTimer = setTimeout(() => this.#assign(), Math.max(1, holdMs));
  }

  #run(source: Source, executor: Executor): void {
    const startedAt = performance.now();
    let chargedUs = 0;
    const onFree = () => {
      const now = performance.now();
      this.#load.ended(now);
      this.#turns.charge(source, (now - startedAt) * 1000 - chargedUs);
      this.#running.delete(executor);
      if (this.#all.includes(executor)) this.#free.push(executor);
    };
    const started = source.start(executor, onFree);
    if (!started) {
      this.#free.push(executor);
      return;
    }
    chargedUs = started.predictedUs;
    this.#running.set(executor, { startedAt, predictedUs: chargedUs });
    this.#load.began(startedAt);
    this.#turns.charge(source, chargedUs);
    if (source.hasWork) {
      this.#waiting.add(source);
      this.#turns.add(source);
    }
    void started.done.then(() => this.#assign());
  }

  #start(): void {
    const { host, isolation } = this.#o;
    const line = isolation === 'process' ? processLine(host) : threadLine(host);
    const executor = new RemoteExecutor(line, (reason) => {
      this.#all.splice(this.#all.indexOf(executor), 1);
      this.#free = this.#free.filter((other) => other !== executor);
      this.#o.onExit(reason);
      this.#startAgain(this.#restartPause.after(executor.hasWorked));
    });
    this.#add(executor);
  }

  #startAgain(pauseMs: number): void {
    const start = () => {
      if (!this.#closed) this.#start();
      this.#assign();
    };
    if (pauseMs === 0) start();
    else setTimeout(start, pauseMs).unref();
  }

  #add(executor: Executor): void {
    this.#all.push(executor);
    this.#free.push(executor);
  }
}
