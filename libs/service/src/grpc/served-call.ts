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
export class ServedCall implements Call {
  readonly metadata: Call['metadata'];
  readonly draining: AbortSignal;
  readonly caller: unknown;
  readonly #raw: RawCall;
  #abort: AbortController | undefined;
  #token: Token | undefined;

  constructor(raw: RawCall, draining: AbortSignal, caller: unknown) {
    this.#raw = raw;
    this.metadata = raw.metadata;
    this.draining = draining;
    this.caller = caller;
  }

  /** Whether nobody waits for the answer any more. */
  get isCancelled(): boolean {
    return this.#raw.cancelled;
  }

  get signal(): AbortSignal {
    if (this.#abort) return this.#abort.signal;
    const abort = new AbortController();
    this.#abort = abort;
    const gone = () => abort.abort(cancelled());
    if (this.isCancelled) gone();
    else this.#raw.once('cancelled', gone);
    return abort.signal;
  }

  get cancellation(): Cancellation {
    if (this.#token) return this.#token;
    const token = new Token();
    this.#token = token;
    if (this.isCancelled) token.abort();
    else this.#raw.once('cancelled', () => token.abort());
    return token;
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

/** An AbortSignal for paths where making one takes longer than the rest. */
class Token implements Cancellation {
  aborted = false;
  #listeners: (() => void)[] = [];

  abort(): void {
    this.aborted = true;
    for (const listener of this.#listeners.splice(0)) listener();
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const at = this.#listeners.indexOf(listener);
    if (at >= 0) this.#listeners.splice(at, 1);
  }
}

function cancelled(): PlatformError {
  return new PlatformError('CANCELLED', 'caller', 'never', 'the caller went away or its time was over');
}
