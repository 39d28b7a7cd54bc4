import { PlatformError } from '@perennial/kernel';
import type { Cancellation } from '@perennial/runtime';
import { ColdStart, mayWait } from './decide/cold-start.js';
import { costOf, pickOfTwo } from './decide/pick.js';
import { homeOf } from './decide/rendezvous.js';
import { cancelled } from './dispatch.js';
import { fleetLimits } from './limits.js';
import type { Member } from './member.js';
import { tooLate } from './replica.js';

/** The pool of a deployment, or of a replica, that names none. */
export const defaultPool = 'cpu';

export interface PoolOptions {
  readonly name: string;
  /** Its members at the moment. */
  readonly members: () => readonly Member[];
  readonly random: () => number;
}

/** The replicas of one pool, and the requests that wait for its first one. Times are on performance.now(). */
export class Pool {
  readonly name: string;
  readonly #o: PoolOptions;
  readonly #coldStart = new ColdStart();
  readonly #watchers = new Set<() => void>();
  #usable: readonly Member[] | undefined;
  #rowsWaiting = 0;

  constructor(options: PoolOptions) {
    this.name = options.name;
    this.#o = options;
  }

  /** Members that may be asked. */
  usable(): readonly Member[] {
    this.#usable ??= this.#o.members().filter((member) => member.isUsable);
    return this.#usable;
  }

  /** Batches that all of them together run at the same time; at least 1. */
  get slots(): number {
    let slots = 0;
    for (const member of this.usable()) slots += member.slots;
    return Math.max(1, slots);
  }

  get isEmpty(): boolean {
    return this.usable().length === 0;
  }

  /** Rows of requests that wait for a first replica: the sign for whoever starts replicas that one is wanted. */
  get rowsWaiting(): number {
    return this.#rowsWaiting;
  }

  /** A member came, went or changed. */
  changed(): void {
    this.#usable = undefined;
    if (!this.isEmpty) this.#coldStart.ended(performance.now());
    for (const watcher of [...this.#watchers]) watcher();
  }

  /**
   * Takes a place among those that wait where nobody can be asked; the result gives it back.
   *
   * @throws PlatformError INFERENCE_UNAVAILABLE with how long the first replica is expected to take
   */
  admit(rows: number, deadlineAt: number): (() => void) | undefined {
    if (!this.isEmpty) return undefined;
    const now = performance.now();
    this.#coldStart.wanted(now);
    const remainingMs = this.#coldStart.remainingMs(now);
    const may = mayWait({
      rows,
      rowsWaiting: this.#rowsWaiting,
      rowsMax: fleetLimits.emptyPoolRowsMax,
      remainingMs,
      patienceMs: deadlineAt - now,
    });
    if (!may) throw nobodyThere(this.name, remainingMs);
    this.#rowsWaiting += rows;
    return () => {
      this.#rowsWaiting -= rows;
    };
  }

  /** The member that should be asked now, or undefined where there is none. `but` is asked only where it is alone. */
  choose(digest: string, but?: Member): Member | undefined {
    const now = performance.now();
    const usable = this.usable();
    if (usable.length <= 1) return usable[0];
    const others = but ? usable.filter((member) => member !== but) : usable;
    const well = others.filter(({ circuit }) => circuit.mayTake(now));
    // With everybody ill the fleet is as well as it gets.
    const able = well.length > 0 ? well : others;
    const holders = able.filter((member) => member.holds(digest));
    if (holders.length === 0) return homeOf(digest, able, ({ address }) => address);
    return pickOfTwo(holders, (member) => costOf(member.standing(digest, now)), this.#o.random);
  }

  /**
   * As choose; waits for a member where there is none.
   *
   * @throws PlatformError DEADLINE_EXCEEDED, CANCELLED
   */
  async take(digest: string, deadlineAt: number, signal?: Cancellation, but?: Member): Promise<Member> {
    for (;;) {
      const member = this.choose(digest, but);
      if (member) return member;
      if (performance.now() >= deadlineAt) throw tooLate(false);
      if (signal?.aborted) throw cancelled();
      await this.#untilChanged(deadlineAt, signal);
    }
  }

  #untilChanged(deadlineAt: number, signal: Cancellation | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#watchers.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, Math.max(0, deadlineAt - performance.now()));
      this.#watchers.add(done);
      signal?.addEventListener('abort', done);
    });
  }
}

function nobodyThere(pool: string, remainingMs: number): PlatformError {
  const seconds = Math.max(1, Math.ceil(remainingMs / 1_000));
  return new PlatformError(
    'INFERENCE_UNAVAILABLE',
    'dependency',
    'after',
    `no replica of pool '${pool}' is up, and no more requests can wait for one; ask again in ${seconds} s`,
    { retryAfterMs: Math.ceil(remainingMs) },
  );
}
