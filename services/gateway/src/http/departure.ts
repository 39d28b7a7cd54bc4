import type { ServerResponse } from 'node:http';
import type { Cancellation } from '@perennial/runtime';

/** Says when the client goes away before its answer. An AbortSignal would say the same, and costs as much as reading a request. */
export class Departure implements Cancellation {
  aborted = false;
  #listeners: Set<() => void> | undefined;

  constructor(response: ServerResponse) {
    response.once('close', () => {
      if (!response.writableFinished) this.#tell();
    });
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners?.delete(listener);
  }

  #tell(): void {
    this.aborted = true;
    for (const listener of [...(this.#listeners ?? [])]) listener();
  }
}
