import type { Runtime } from '@perennial/runtime';

/** The sum over all models is not made for each of thousands of answers a second: nothing changes much in this. */
const freshMs = 1;

/** How busy the runtime is, as it was a moment ago. */
export class RuntimeLoad {
  readonly #runtime: Pick<Runtime, 'rowsWaiting' | 'utilisation'>;
  #told = { rowsWaiting: 0, utilisation: 0 };
  #at = Number.NEGATIVE_INFINITY;

  constructor(runtime: Pick<Runtime, 'rowsWaiting' | 'utilisation'>) {
    this.#runtime = runtime;
  }

  now(): { readonly rowsWaiting: number; readonly utilisation: number } {
    const now = performance.now();
    if (now - this.#at >= freshMs) {
      const { rowsWaiting, utilisation } = this.#runtime;
      this.#told = { rowsWaiting, utilisation };
      this.#at = now;
    }
    return this.#told;
  }
}
