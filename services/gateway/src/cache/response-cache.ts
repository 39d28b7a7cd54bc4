import type { Route, ServeSettings } from '@perennial/contracts';
import { asPlatformError, PlatformError } from '@perennial/kernel';
import type { Tensor } from '@perennial/runtime';
import { withinDeadline } from '../effects/gather.js';
import type { Inferred } from '../inference.js';
import { gatewayLimits } from '../limits.js';
import { AnswerStore } from './answer-store.js';
import { inputsKey } from './inputs-key.js';

export interface CacheAsk {
  readonly system: string;
  readonly route: Route;
  readonly serve: ServeSettings;
  /** Answers never cross tenants. */
  readonly tenant: string;
  readonly columns: readonly Tensor[];
  /** On performance.now(). */
  readonly deadlineAt: number;
}

export interface CacheOptions {
  /** Milliseconds that never go back; performance.now() when left out. */
  readonly now?: () => number;
  /** Told of every look: whether the answer was there, or on its way, and how long it took in all. */
  readonly onLook?: (ask: CacheAsk, isHit: boolean, microseconds: number) => void;
}

/**
 * Answers of models that are declared pure, given again for the same inputs. Off unless a deployment says for how
 * long. Requests for the same inputs that come while the first one runs wait for it instead of running again.
 */
export class ResponseCache {
  readonly #now: () => number;
  readonly #onLook: NonNullable<CacheOptions['onLook']>;
  readonly #answers: AnswerStore;
  readonly #running = new Map<string, Promise<Inferred>>();

  constructor({ now = () => performance.now(), onLook = () => {} }: CacheOptions = {}) {
    this.#now = now;
    this.#onLook = onLook;
    this.#answers = new AnswerStore(gatewayLimits.cacheBytesMax);
  }

  get size(): { readonly entries: number; readonly bytes: number } {
    return this.#answers.size;
  }

  /** @throws PlatformError as `run`, and DEADLINE_EXCEEDED where the same request of somebody else took too long */
  async through(
    ask: CacheAsk,
    run: () => Promise<Inferred>,
  ): Promise<{ readonly inferred: Inferred; readonly isCached: boolean }> {
    const startedAt = this.#now();
    const key = inputsKey(ask);
    const told = (inferred: Inferred, isCached: boolean) => {
      this.#onLook(ask, isCached, (this.#now() - startedAt) * 1_000);
      return { inferred, isCached };
    };
    for (;;) {
      const known = this.#answers.get(ask.system, key, this.#now());
      if (known) return told(known, true);
      const running = this.#running.get(key);
      if (!running) return told(await this.#lead(ask, key, run), false);
      const shared = await this.#follow(running, ask.deadlineAt);
      if (shared) return told(shared, true);
    }
  }

  async #lead(ask: CacheAsk, key: string, run: () => Promise<Inferred>): Promise<Inferred> {
    const running = run();
    this.#running.set(key, running);
    try {
      const inferred = await running;
      const { cacheSeconds, cacheEntries } = ask.serve;
      this.#answers.put(ask.system, key, inferred, {
        expiresAt: this.#now() + cacheSeconds * 1_000,
        entriesMax: cacheEntries || gatewayLimits.cacheEntriesDefault,
      });
      return inferred;
    } finally {
      this.#running.delete(key);
    }
  }

  /** Undefined where the one in front failed for a reason of its own: its deadline, its client that went away. */
  async #follow(running: Promise<Inferred>, deadlineAt: number): Promise<Inferred | undefined> {
    const late = () =>
      new PlatformError(
        'DEADLINE_EXCEEDED',
        'dependency',
        'after',
        'Request timeout expired: the same request of somebody else is still running; allow more time',
      );
    const outcome = running.then(
      (inferred) => ({ inferred }),
      (error: unknown) => ({ error }),
    );
    const ended = await withinDeadline(outcome, deadlineAt, late);
    if ('inferred' in ended) return ended.inferred;
    if (asPlatformError(ended.error).retry === 'never' && !isItsOwn(ended.error)) throw ended.error;
    return undefined;
  }
}

/** What ended the request in front says nothing about those behind it. */
function isItsOwn(error: unknown): boolean {
  return /CANCEL|DEADLINE/.test(asPlatformError(error).code);
}
