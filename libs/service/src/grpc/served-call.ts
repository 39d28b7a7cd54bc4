import type { Message } from '@bufbuild/protobuf';
import type { ServerUnaryCall } from '@grpc/grpc-js';
import { PlatformError } from '@perennial/kernel';
import type { Call, Cancellation } from './types.js';

/** What calls of all kinds have in common. */
export type RawCall = Pick<
  ServerUnaryCall<Message, Message>,
  'metadata' | 'getPeer' | 'getDeadline' | 'cancelled'
> & {
  once(event: 'cancelled', listener: () => void): unknown;
};

/** What a method is told of its call. Most methods ask for little of it, so it is found out when they ask. */
export class ServedCall implements Call, Cancellation {
  readonly metadata: Call['metadata'];
  readonly draining: AbortSignal;
  readonly caller: unknown;
  readonly #raw: RawCall;
  #abort: AbortController | undefined;
  #listeners: Set<() => void> | undefined;

  constructor(raw: RawCall, draining: AbortSignal, caller: unknown) {
    this.#raw = raw;
    this.metadata = raw.metadata;
    this.draining = draining;
    this.caller = caller;
  }

  get signal(): AbortSignal {
    if (this.#abort) return this.#abort.signal;
    const abort = new AbortController();
    this.#abort = abort;
    const gone = () => abort.abort(cancelled());
    if (this.aborted) gone();
    else this.#raw.once('cancelled', gone);
    return abort.signal;
  }

  get cancellation(): Cancellation {
    return this;
  }

  /** Whether nobody waits for the answer any more. */
  get aborted(): boolean {
    return this.#raw.cancelled;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    if (this.aborted) return;
    if (!this.#listeners) {
      this.#listeners = new Set();
      this.#raw.once('cancelled', () => {
        for (const tell of this.#listeners ?? []) tell();
      });
    }
    this.#listeners.add(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners?.delete(listener);
  }

  get deadline(): Date | undefined {
    const deadline = this.#raw.getDeadline();
    const at = deadline instanceof Date ? deadline.getTime() : deadline;
    return Number.isFinite(at) ? new Date(at) : undefined;
  }

  get peer(): string {
    return this.#raw.getPeer();
  }
}

function cancelled(): PlatformError {
  return new PlatformError('CANCELLED', 'caller', 'never', 'the caller went away or its time was over');
}
