import { once } from 'node:events';
import type { DescMethod, Message } from '@bufbuild/protobuf';
import type { ServerDuplexStream, ServerUnaryCall, StatusObject, sendUnaryData } from '@grpc/grpc-js';
import { context } from '@opentelemetry/api';
import { asPlatformError, PlatformError } from '@perennial/kernel';
import { rpcServerDuration } from '../telemetry/instruments.js';
import { startServerSpan } from '../telemetry/spans.js';
import type { Callers } from './authorizing.js';
import { messageOf } from './definition.js';
import { statusOf } from './errors.js';
import type { Call } from './types.js';

interface ServedOptions {
  readonly draining: AbortSignal;
  /** Whom the server has let in. */
  readonly callers: Callers;
  readonly onError?: (error: unknown, path: string) => void;
}

/** What calls of all kinds have in common. */
type ServedCall = Pick<ServerUnaryCall<Message, Message>, 'metadata' | 'getPeer' | 'getDeadline'> & {
  once(event: 'cancelled', listener: () => void): unknown;
};
type ResponseStream = ServerDuplexStream<Message, Message>;

/** One method on the server: runs the implementation in the caller's trace and turns its errors into statuses. */
export class Served {
  readonly #method: DescMethod;
  readonly #path: string;
  readonly #work: (...given: unknown[]) => unknown;
  readonly #options: ServedOptions;

  constructor(
    method: DescMethod,
    path: string,
    work: (...given: unknown[]) => unknown,
    options: ServedOptions,
  ) {
    this.#method = method;
    this.#path = path;
    this.#work = work;
    this.#options = options;
  }

  /** For methods with one response. */
  async answer(call: ServedCall, input: unknown, callback: sendUnaryData<Message>): Promise<void> {
    await this.#run(
      call,
      async (given) => {
        const response = messageOf(this.#method.output, await this.#work(input, given));
        return () => callback(null, response);
      },
      (status) => callback(status),
    );
  }

  /** For methods with a stream of responses; waits while the client reads more slowly. */
  async stream(call: ResponseStream, input: unknown): Promise<void> {
    await this.#run(
      call,
      async (given) => {
        for await (const response of this.#work(input, given) as AsyncIterable<unknown>) {
          if (given.signal.aborted || call.destroyed) break;
          if (!call.write(messageOf(this.#method.output, response))) {
            await once(call, 'drain', { signal: given.signal });
          }
        }
        return () => call.end();
      },
      (status) => void call.emit('error', status),
    );
  }

  async #run(
    call: ServedCall,
    work: (given: Call) => Promise<() => void>,
    fail: (status: StatusObject & Error) => void,
  ): Promise<void> {
    const startedAt = performance.now();
    const span = startServerSpan(this.#path.slice(1), call.metadata);
    const { given, signal } = this.#given(call);
    let code = 0;
    try {
      const finish = await context.with(span.context, () => work(given));
      if (!signal.aborted) finish();
    } catch (thrown) {
      const error = asPlatformError(thrown);
      const status = statusOf(error);
      code = status.code;
      if (error.fault === 'us' && !signal.aborted) {
        context.with(span.context, () => this.#options.onError?.(error, this.#path));
      }
      if (!signal.aborted) fail(Object.assign(new Error(error.message), status));
    }
    span.end(code);
    rpcServerDuration().record((performance.now() - startedAt) / 1000, { method: this.#path.slice(1), code });
  }

  #given(call: ServedCall): { given: Call; signal: AbortSignal } {
    const abort = new AbortController();
    call.once('cancelled', () =>
      abort.abort(
        new PlatformError('CANCELLED', 'caller', 'never', 'the caller went away or its time was over'),
      ),
    );
    const deadline = call.getDeadline();
    const at = deadline instanceof Date ? deadline.getTime() : deadline;
    const given: Call = {
      signal: abort.signal,
      draining: this.#options.draining,
      deadline: Number.isFinite(at) ? new Date(at) : undefined,
      peer: call.getPeer(),
      metadata: call.metadata,
      caller: this.#options.callers.get(call.metadata),
    };
    return { given, signal: abort.signal };
  }
}
