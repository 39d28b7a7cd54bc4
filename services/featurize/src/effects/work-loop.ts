import { isTransient } from '@perennial/db';
import { asPlatformError, type Clock, PlatformError } from '@perennial/kernel';
import { type Lease, Leases, leaseMs, type WorkKind } from '../leases.js';
import type { Db } from '../tables.js';

/** How one kind of work is done. */
export interface Worker {
  readonly kind: WorkKind;
  /** Does it, or says that it must wait. Whatever it writes is written under `Leases.holds`. */
  readonly work: (lease: Lease) => Promise<'done' | 'wait'>;
  /** Ends work that has failed for good. */
  readonly giveUp: (lease: Lease, error: PlatformError) => Promise<void>;
}

export interface WorkLoopOptions {
  readonly db: Db;
  readonly tenant: string;
  readonly clock: Clock;
  readonly pollMs: number;
  readonly workers: readonly Worker[];
  readonly warn: (error: PlatformError, lease: Lease | undefined) => void;
}

/** Tries of work that fails for no reason that we can name; an absent dependency is waited for without end. */
const failuresMax = 6;
/** Times that work is begun at all: what takes its process down each time must end too. */
export const beginningsMax = 10;
const retryMsMin = 250;
const retryMsMax = 15_000;
/** Between two tries of work whose dependency is away. */
const awayMs = 500;
/** Between two looks at work that waits for something. */
const waitMs = 25;
/** After a wake the transaction that made the work may still be open: looked for often, for so long. */
const alertMs = 1_000;

/** Does leased work, one piece after the other, until stopped. */
export class WorkLoop {
  readonly #options: WorkLoopOptions;
  readonly #leases: Leases;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #alertUntil = 0;
  #endPause: () => void = () => {};

  constructor(options: WorkLoopOptions) {
    this.#options = options;
    this.#leases = new Leases(options.db, options.tenant);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** There is work, or will be as soon as the caller has committed. */
  wake(): void {
    this.#alertUntil = performance.now() + alertMs;
    this.#endPause();
  }

  /** Returns when the work in hand has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#endPause();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      let didWork = false;
      for (const worker of this.#options.workers) didWork = (await this.#one(worker)) || didWork;
      if (!didWork) await this.#pause();
    }
  }

  async #one(worker: Worker): Promise<boolean> {
    const { clock, warn } = this.#options;
    let lease: Lease | undefined;
    try {
      lease = await this.#leases.lease(worker.kind, clock.now());
      if (!lease) return false;
      if (lease.begun > beginningsMax) await this.#endless(worker, lease);
      else await this.#held(worker, lease);
      return true;
    } catch (thrown) {
      // The database is away: the lease runs out, and whoever comes next takes the work up again.
      warn(asPlatformError(thrown), lease);
      return false;
    }
  }

  /** Whoever began it so often was killed at it. */
  async #endless(worker: Worker, lease: Lease): Promise<void> {
    const error = new PlatformError(
      'WORK_ENDLESS',
      'us',
      'never',
      `begun ${beginningsMax} times without coming to an end: it may take more memory than there is`,
    );
    this.#options.warn(error, lease);
    await worker.giveUp(lease, error);
  }

  async #held(worker: Worker, lease: Lease): Promise<void> {
    const { clock, warn } = this.#options;
    const renewal = setInterval(() => {
      this.#leases.renew(lease, clock.now()).catch((thrown: unknown) => warn(asPlatformError(thrown), lease));
    }, leaseMs / 3);
    try {
      const outcome = await worker.work(lease);
      if (outcome === 'wait') {
        await this.#leases.postpone(lease, clock.now() + waitMs, { isFailure: false });
        this.wake();
      }
    } catch (thrown) {
      const error = asPlatformError(thrown);
      warn(error, lease);
      const isAway = isTransient(thrown) || (error.fault === 'dependency' && error.retry !== 'never');
      if (!isAway && (error.retry === 'never' || lease.attempt + 1 >= failuresMax)) {
        await worker.giveUp(lease, error);
        return;
      }
      // Whoever was away is nobody's failure: it does not count towards giving up.
      const delayMs = isAway ? awayMs : Math.min(retryMsMax, retryMsMin * 2 ** Math.min(lease.attempt, 16));
      await this.#leases.postpone(lease, clock.now() + delayMs, { isFailure: !isAway });
    } finally {
      clearInterval(renewal);
    }
  }

  #pause(): Promise<void> {
    const ms = performance.now() < this.#alertUntil ? waitMs : this.#options.pollMs;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#stopping.signal.aborted) this.#endPause();
    });
  }
}
