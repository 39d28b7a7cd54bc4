import { PlatformError } from '@perennial/kernel';

/** A file that could not be loaded is not tried again for this long, twice as long each time. */
const delayMsMin = 30_000;
const delayMsMax = 900_000;
const failuresMax = 1_000;

interface Failure {
  readonly error: PlatformError;
  readonly until: number;
  readonly delayMs: number;
}

/** Loads that failed by the file's own fault: what failed once is not tried again for every request. */
export class LoadFailures {
  readonly #failures = new Map<string, Failure>();

  /** The error of a failure that still stands. */
  of(digest: string, now: number): PlatformError | undefined {
    const failure = this.#failures.get(digest);
    return failure && failure.until > now ? failure.error : undefined;
  }

  /** What may come right by itself (a store that is away, a full memory) is not remembered. */
  failed(digest: string, error: unknown, now: number): void {
    if (!(error instanceof PlatformError) || error.retry !== 'never') return;
    const before = this.#failures.get(digest);
    const delayMs = before ? Math.min(2 * before.delayMs, delayMsMax) : delayMsMin;
    if (this.#failures.size >= failuresMax) this.#failures.clear();
    this.#failures.set(digest, { error, until: now + delayMs, delayMs });
  }

  forget(digest: string): void {
    this.#failures.delete(digest);
  }
}
