import { PlatformError } from '@perennial/kernel';

export interface AdmissionLimits {
  /** Bodies that are worked on at the same time. */
  readonly atOnce: number;
  /** Bodies that wait, unread, for their turn. */
  readonly waiting: number;
  /** Of one producer, worked on or waiting. */
  readonly ofOne: number;
  /** How long one waits, in ms. */
  readonly waitMs: number;
}

/** When to come back: some bodies are through by then. */
const retryAfterMs = 2_000;

/**
 * Lets bodies in, a bounded number at a time. Those that wait are not read, so that the senders' connections fill up and
 * they send more slowly; when too many wait, the next is told to come later. One producer cannot take all places.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #waiting: (() => void)[] = [];
  readonly #ofProducer = new Map<string, number>();
  #inWork = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** @throws PlatformError PUBLICATIONS_EXHAUSTED, INGEST_BUSY */
  async during<T>(producer: string, work: () => Promise<T>): Promise<T> {
    const mine = this.#ofProducer.get(producer) ?? 0;
    if (mine >= this.#limits.ofOne) throw tooManyOfOne(producer, this.#limits.ofOne);
    this.#ofProducer.set(producer, mine + 1);
    try {
      await this.#enter();
      try {
        return await work();
      } finally {
        this.#leave();
      }
    } finally {
      const left = (this.#ofProducer.get(producer) ?? 1) - 1;
      if (left > 0) this.#ofProducer.set(producer, left);
      else this.#ofProducer.delete(producer);
    }
  }

  async #enter(): Promise<void> {
    if (this.#inWork < this.#limits.atOnce) {
      this.#inWork++;
      return;
    }
    if (this.#waiting.length >= this.#limits.waiting) throw busy();
    await new Promise<void>((resolve, reject) => {
      const enter = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(busy());
      }, this.#limits.waitMs);
      this.#waiting.push(enter);
    });
  }

  /** The place goes to whoever waits longest. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#inWork--;
  }
}

function busy(): PlatformError {
  return new PlatformError(
    'INGEST_BUSY',
    'dependency',
    'after',
    'more is being sent than can be taken at the moment; nothing of this was taken, send it again later',
    { retryAfterMs },
  );
}

function tooManyOfOne(producer: string, max: number): PlatformError {
  return new PlatformError(
    'PUBLICATIONS_EXHAUSTED',
    'caller',
    'after',
    `the producer "${producer}" sends ${max} bodies at the same time already; send them one after the other`,
    { retryAfterMs },
  );
}
