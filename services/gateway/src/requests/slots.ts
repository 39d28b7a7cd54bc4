import { requestLimits } from './limits.js';

export interface SlotsOptions<Claimed> {
  readonly count: number;
  readonly signal: AbortSignal;
  /** What is due, or nothing. */
  readonly claim: () => Promise<Claimed | undefined>;
  /** Never rejects. */
  readonly work: (claimed: Claimed) => Promise<void>;
}

/**
 * Keeps up to `count` pieces of work going: claims while something is due, and looks again when one has ended, when it
 * is woken, or after a while.
 */
export class Slots<Claimed> {
  readonly #options: SlotsOptions<Claimed>;
  readonly #inHand = new Set<Promise<void>>();
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #isWoken = false;

  constructor(options: SlotsOptions<Claimed>) {
    this.#options = options;
  }

  get inHand(): number {
    return this.#inHand.size;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  /** Resolves when nothing is in hand any more; `signal` ends the looking. */
  async stopped(): Promise<void> {
    await this.#running;
    await Promise.all(this.#inHand);
  }

  async #run(): Promise<void> {
    const { signal, count } = this.#options;
    signal.addEventListener('abort', () => this.wake(), { once: true });
    let delayMs: number = requestLimits.pollMs;
    while (!signal.aborted) {
      this.#isWoken = false;
      try {
        while (this.#inHand.size < count && !signal.aborted && (await this.#take()));
        delayMs = requestLimits.pollMs;
      } catch {
        // The registry is away; everything waits there.
        delayMs = Math.min(2 * delayMs, requestLimits.pollMsMax);
      }
      await this.#pause(delayMs);
    }
  }

  async #take(): Promise<boolean> {
    const claimed = await this.#options.claim();
    if (!claimed) return false;
    const work = this.#options.work(claimed).finally(() => {
      this.#inHand.delete(work);
      this.wake();
    });
    this.#inHand.add(work);
    return true;
  }

  async #pause(ms: number): Promise<void> {
    if (this.#isWoken) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
