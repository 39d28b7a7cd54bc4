/** One of those that are answered together. */
export type Outcome<Answer> = { readonly answer: Answer } | { readonly error: unknown };

export interface GatherOptions<Ask, Answer> {
  /** Answers all of them, in their order; never rejects. */
  readonly call: (asks: readonly Ask[]) => Promise<readonly Outcome<Answer>[]>;
  /** What one ask counts against `sizeMax`. */
  readonly sizeOf: (ask: Ask) => number;
  /** How much one call takes; a larger ask goes alone. */
  readonly sizeMax: number;
  /** A call that takes longer no longer keeps the next ones waiting: something is in its way. */
  readonly patienceMs: number;
  /** How many calls may be under way at once; 1 where left out. */
  readonly callsMax?: () => number;
  /** Why an ask that waited is not worth asking any more; undefined where it is. The last has no other to go along with. */
  readonly refusal?: (ask: Ask, isLast: boolean) => unknown;
  /** Told whenever nothing waits and nothing is under way any more. */
  readonly onIdle?: () => void;
}

interface Waiting<Ask, Answer> {
  readonly ask: Ask;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets what is asked at the same time share one call. A lone ask leaves at once; what comes while a call is under way
 * leaves together when it is back, so that nobody waits for a window and many share the cost of one.
 */
export class Gather<Ask, Answer> {
  readonly #options: GatherOptions<Ask, Answer>;
  #waiting: Waiting<Ask, Answer>[] = [];
  #size = 0;
  #underWay = 0;
  #isScheduled = false;

  constructor(options: GatherOptions<Ask, Answer>) {
    this.#options = options;
  }

  /** Nothing waits and nothing is under way. */
  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#underWay === 0;
  }

  /** What waits for its turn, by `sizeOf`. */
  get size(): number {
    return this.#size;
  }

  ask(ask: Ask): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ask, resolve, reject });
      this.#size += this.#options.sizeOf(ask);
      this.#schedule();
    });
  }

  /** At the end of this turn of the event loop: what the same turn brings goes along. */
  #schedule(): void {
    const callsMax = this.#options.callsMax?.() ?? 1;
    if (this.#isScheduled || this.#underWay >= callsMax || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      void this.#leave();
    });
  }

  async #leave(): Promise<void> {
    const together = this.#take();
    if (together.length === 0) return this.#checkIdle();
    this.#underWay += 1;
    // Where more than one call may be under way, what is left over goes along at once.
    this.#schedule();
    let isCounted = true;
    const free = () => {
      if (!isCounted) return;
      isCounted = false;
      this.#underWay -= 1;
      this.#schedule();
    };
    const timer = setTimeout(free, this.#options.patienceMs);
    const outcomes = await this.#options.call(together.map(({ ask }) => ask));
    clearTimeout(timer);
    free();
    this.#checkIdle();
    together.forEach(({ resolve, reject }, at) => {
      const outcome = outcomes[at];
      if (outcome && 'answer' in outcome) resolve(outcome.answer);
      else reject(outcome?.error ?? new Error('a call answered fewer than it was asked'));
    });
  }

  #checkIdle(): void {
    if (this.isIdle) this.#options.onIdle?.();
  }

  #take(): Waiting<Ask, Answer>[] {
    const { sizeOf, sizeMax, refusal } = this.#options;
    if (refusal) this.#drop(refusal);
    let size = 0;
    let count = 0;
    for (const { ask } of this.#waiting) {
      const next = size + sizeOf(ask);
      if (count > 0 && next > sizeMax) break;
      size = next;
      count += 1;
    }
    this.#size -= size;
    return this.#waiting.splice(0, count);
  }

  #drop(refusal: (ask: Ask, isLast: boolean) => unknown): void {
    const kept: Waiting<Ask, Answer>[] = [];
    this.#waiting.forEach((waiting, at) => {
      const isLast = kept.length === 0 && at === this.#waiting.length - 1;
      const error = refusal(waiting.ask, isLast);
      if (error === undefined) kept.push(waiting);
      else {
        this.#size -= this.#options.sizeOf(waiting.ask);
        waiting.reject(error);
      }
    });
    this.#waiting = kept;
  }
}

/** Settles as `work` does, or rejects with `late()` at the deadline, which is on performance.now(). */
export function withinDeadline<T>(work: Promise<T>, deadlineAt: number, late: () => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), Math.max(0, deadlineAt - performance.now()));
    const settle = <V>(how: (value: V) => void) => {
      return (value: V) => {
        clearTimeout(timer);
        how(value);
      };
    };
    work.then(settle(resolve), settle(reject));
  });
}
