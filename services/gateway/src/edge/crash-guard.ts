import { readFileSync, rmSync, writeFileSync } from 'node:fs';

/** How long nothing runs here after the first unclean end, doubled at each further one. */
const offMsFirst = 15_000;
const offMsMax = 10 * 60_000;
/** Who has run models for so long has survived them. */
const provenMs = 60_000;

/**
 * A model that takes the whole process down would do so again as soon as the process is back. A file says that models
 * run here; found at a start it means that the last process ended uncleanly, and models stay in their pools for a while.
 */
export class CrashGuard {
  readonly #file: string;
  readonly #offUntil: number;
  #crashes: number;
  #isMarked = false;
  #timer: NodeJS.Timeout | undefined;

  /** `now` and all other moments on performance.now(). */
  constructor(file: string, now: number) {
    this.#file = file;
    this.#crashes = crashesIn(file);
    const offMs = this.#crashes === 0 ? 0 : Math.min(offMsFirst * 2 ** (this.#crashes - 1), offMsMax);
    this.#offUntil = now + offMs;
  }

  /** Unclean ends one after the other. */
  get crashes(): number {
    return this.#crashes;
  }

  mayRun(now: number): boolean {
    return now >= this.#offUntil;
  }

  /** A model begins to run here. */
  begin(): void {
    if (this.#isMarked) return;
    this.#isMarked = true;
    this.#write();
    this.#timer = setTimeout(() => {
      this.#crashes = 0;
      this.#write();
    }, provenMs);
    this.#timer.unref();
  }

  /** The process ends as it should. */
  end(): void {
    clearTimeout(this.#timer);
    rmSync(this.#file, { force: true });
  }

  #write(): void {
    try {
      writeFileSync(this.#file, JSON.stringify({ crashes: this.#crashes }), { mode: 0o600 });
    } catch {
      // Without the file nothing is guarded, and nothing else is lost.
    }
  }
}

/** The file was left behind: one more than it says. */
function crashesIn(file: string): number {
  try {
    const { crashes } = JSON.parse(readFileSync(file, 'utf8')) as { crashes?: unknown };
    return 1 + (Number.isInteger(crashes) ? (crashes as number) : 0);
  } catch {
    return 0;
  }
}
