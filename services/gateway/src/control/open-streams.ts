import type { IncomingMessage } from 'node:http';
import { asPlatformError } from '@perennial/kernel';
import { accessLimits } from '../access/limits.js';
import type { Caller } from '../decide/access.js';

export interface Knowing {
  /** @throws PlatformError UNAUTHENTICATED, FORBIDDEN */
  readonly callerOf: (request: IncomingMessage) => Caller | Promise<Caller>;
  /** Tells when somebody may be known no more. */
  readonly onChanged: (listener: () => void) => void;
}

/**
 * Requests that are not answered yet, each with what ends it: all of them when the gateway stops, and those of whom a
 * key or token has ended. A stream would else go on for as long as its connection.
 */
export class OpenStreams {
  readonly #open = new Map<AbortController, IncomingMessage>();
  readonly #knowing: Knowing;

  constructor(knowing: Knowing, stopping: AbortSignal) {
    this.#knowing = knowing;
    knowing.onChanged(() => this.#look());
    const timer = setInterval(() => this.#look(), accessLimits.knownAgainMs).unref();
    stopping.addEventListener('abort', () => {
      clearInterval(timer);
      for (const controller of this.#open.keys()) controller.abort();
    });
  }

  add(controller: AbortController, request: IncomingMessage): void {
    this.#open.set(controller, request);
  }

  remove(controller: AbortController): void {
    this.#open.delete(controller);
  }

  #look(): void {
    for (const [controller, request] of this.#open) void this.#lookAt(controller, request);
  }

  async #lookAt(controller: AbortController, request: IncomingMessage): Promise<void> {
    try {
      await this.#knowing.callerOf(request);
    } catch (thrown) {
      const { code } = asPlatformError(thrown);
      // Where nobody can say it just now, what was said holds.
      if (code === 'UNAUTHENTICATED' || code === 'FORBIDDEN') controller.abort();
    }
  }
}
