import { sha256 } from '@perennial/kernel';

/**
 * Requests that were in hand when a replica went down go on one by one, so that the one that brought it down does so
 * alone the next time and is known.
 */
export class SuspectLane {
  readonly #patienceMs: number;
  #last: Promise<void> = Promise.resolve();

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** Runs `work` when the one before is done. After `sent()` it keeps the next one waiting for a while at most. */
  async run<T>(work: (sent: () => void) => Promise<T>): Promise<T> {
    const before = this.#last;
    let done = () => {};
    this.#last = new Promise<void>((resolve) => {
      done = resolve;
    });
    let timer: NodeJS.Timeout | undefined;
    await before;
    try {
      return await work(() => {
        timer ??= setTimeout(done, this.#patienceMs);
      });
    } finally {
      clearTimeout(timer);
      done();
    }
  }
}

/** Requests that brought replicas down, by the hash of their contents; asked again they would do it again. */
export class Quarantine {
  readonly #keptMs: number;
  readonly #max: number;
  readonly #until = new Map<string, number>();

  constructor({ keptMs, max }: { keptMs: number; max: number }) {
    this.#keptMs = keptMs;
    this.#max = max;
  }

  add(digest: string, contents: readonly Uint8Array[], now: number): void {
    for (const oldest of this.#until.keys()) {
      if (this.#until.size < this.#max) break;
      this.#until.delete(oldest);
    }
    this.#until.set(fingerprint(digest, contents), now + this.#keptMs);
  }

  /** Costs nothing while nothing is in quarantine: `contents` is called only then. */
  holds(digest: string, contents: () => readonly Uint8Array[], now: number): boolean {
    if (this.#until.size === 0) return false;
    const key = fingerprint(digest, contents());
    const until = this.#until.get(key);
    if (until === undefined) return false;
    if (until > now) return true;
    this.#until.delete(key);
    return false;
  }
}

function fingerprint(digest: string, contents: readonly Uint8Array[]): string {
  const parts = contents.map((bytes) => sha256(bytes));
  return Buffer.from(sha256(Buffer.concat([Buffer.from(digest), ...parts]))).toString('base64');
}
