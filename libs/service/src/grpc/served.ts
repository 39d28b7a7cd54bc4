import { once } from 'node:events';
import type { DescMethod, Message } from '@bufbuild/protobuf';
import type { ServerDuplexStream, StatusObject, sendUnaryData } from '@grpc/grpc-js';
import { context } from '@opentelemetry/api';
import { asPlatformError } from '@perennial/kernel';
import { CallDurations } from '../telemetry/rpc-durations.js';
import { type ServedSpan, startServerSpan } from '../telemetry/spans.js';
import { collectsTraces } from '../telemetry/traced-runs.js';
import { callerIn } from './authorizing.js';
import { messageOf } from './definition.js';
import { statusOf } from './errors.js';
import { type RawCall, ServedCall } from './served-call.js';

export interface ServedOptions {
  readonly draining: AbortSignal;
  /** Begins no trace of its own. */
  readonly isQuick: boolean;
  readonly onError?: (error: unknown, path: string) => void;
}

type ResponseStream = ServerDuplexStream<Message, Message>;

/** One call that is being answered. */
interface Begun {
  readonly given: ServedCall;
  readonly span: ServedSpan | undefined;
  readonly startedAt: number;
}

/** One method on the server: runs the implementation in the caller's trace and turns its errors into statuses. */
export class Served {
  readonly #method: DescMethod;
  readonly #path: string;
  readonly #durations: CallDurations;
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
    this.#durations = new CallDurations(path.slice(1));
    this.#work = work;
    this.#options = options;
  }

  /** For methods with one response. An answer that is there at once is given at once, without a promise. */
  answer(raw: RawCall, input: unknown, callback: sendUnaryData<Message>): void {
    const begun = this.#begin(raw);
    const fail = (thrown: unknown) => this.#fail(begun, thrown, (status) => callback(status));
    const finish = (response: unknown) => {
      try {
        const message = messageOf(this.#method.output, response);
        if (!begun.given.aborted) callback(null, message);
      } catch (thrown) {
        return fail(thrown);
      }
      this.#end(begun, 0);
    };
    try {
      const answer = inSpan(begun.span, () => this.#work(input, begun.given));
      if (answer instanceof Promise) answer.then(finish, fail);
      else finish(answer);
    } catch (thrown) {
      fail(thrown);
    }
  }

  /** For methods with a stream of responses; waits while the client reads more slowly. */
  async stream(raw: ResponseStream & RawCall, input: unknown): Promise<void> {
    const begun = this.#begin(raw);
    const { given, span } = begun;
    try {
      await inSpan(span, async () => {
        for await (const response of this.#work(input, given) as AsyncIterable<unknown>) {
          if (given.aborted || raw.destroyed) break;
          if (!raw.write(messageOf(this.#method.output, response))) {
            await once(raw, 'drain', { signal: given.signal });
          }
        }
      });
      if (!given.aborted) raw.end();
      this.#end(begun, 0);
    } catch (thrown) {
      this.#fail(begun, thrown, (status) => void raw.emit('error', status));
    }
  }

  #begin(raw: RawCall): Begun {
    const { draining, isQuick } = this.#options;
    const given = new ServedCall(raw, draining, callerIn(raw.metadata));
    const isTraced = !isQuick || collectsTraces() || raw.metadata.get('traceparent').length > 0;
    const span = isTraced ? startServerSpan(this.#durations.method, raw.metadata) : undefined;
    return { given, span, startedAt: performance.now() };
  }

  #fail(begun: Begun, thrown: unknown, tell: (status: StatusObject & Error) => void): void {
    const error = asPlatformError(thrown);
    const status = statusOf(error);
    const isCancelled = begun.given.aborted;
    if (error.fault === 'us' && !isCancelled)
      inSpan(begun.span, () => this.#options.onError?.(error, this.#path));
    if (!isCancelled) tell(Object.assign(new Error(error.message), status));
    this.#end(begun, status.code);
  }

  #end({ span, startedAt }: Begun, code: number): void {
    span?.end(code);
    this.#durations.record(code, (performance.now() - startedAt) / 1_000);
  }
}

/** Every promise of a process becomes dearer with the first context that is set in it: none where there is no trace. */
function inSpan<T>(span: ServedSpan | undefined, work: () => T): T {
  return span ? context.with(span.context, work) : work();
}
