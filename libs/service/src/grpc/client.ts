import { once } from 'node:events';
import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import {
  ChannelCredentials,
  type ClientReadableStream,
  type ClientWritableStream,
  connectivityState,
  type CallOptions as GrpcCallOptions,
  Client as GrpcClient,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { limits, PlatformError, systemClock } from '@perennial/kernel';
import { tracedMetadata } from '../telemetry/spans.js';
import { messageOf, methodDefinition } from './definition.js';
import { errorOf } from './errors.js';
import type { CallOptions, Client, Codecs } from './types.js';

export interface ClientOptions {
  /** The name of the service that is asked, for error codes: `inference` gives INFERENCE_UNAVAILABLE. */
  readonly peer?: string | undefined;
  /** Whom to trust, as PEM, and what to show where the server asks for it; without it: plain text. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string } | undefined;
  /** Sent with every call. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly codecs?: Codecs | undefined;
}

/**
 * A client that connects when it is first used and again whenever the connection broke. A call that is not sent yet waits
 * up to two seconds for a peer that is away, then fails (`<PEER>_UNAVAILABLE`); one that was sent is never sent again:
 * whoever asked decides whether to ask again.
 */
export function createClient<D extends DescService>(
  service: D,
  address: string,
  o: ClientOptions = {},
): Client<D> & { close(): void } {
  const peer = o.peer ?? service.name.replace(/Service$/, '').toLowerCase();
  const channel = new GrpcClient(address, credentialsOf(o), {
    'grpc.max_receive_message_length': limits.grpcMessageBytesMax,
    'grpc.max_send_message_length': limits.grpcMessageBytesMax,
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 10_000,
    // A restart takes about a second; the defaults would leave a peer alone for minutes after a longer one.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
    'grpc.enable_channelz': 0,
    // Pooled connections would be closed with another client's.
    'grpc.use_local_subchannel_pool': 1,
  });
  const calls: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(service.method)) {
    const caller = new Caller(channel, service, method, { ...o, peer });
    const kinds: Record<DescMethod['methodKind'], unknown> = {
      unary: (request: unknown, options?: CallOptions) => caller.unary(request, options),
      server_streaming: (request: unknown, options?: CallOptions) => caller.serverStream(request, options),
      client_streaming: (requests: AsyncIterable<unknown>, options?: CallOptions) =>
        caller.clientStream(requests, options),
      bidi_streaming: (requests: AsyncIterable<unknown>, options?: CallOptions) =>
        caller.bidi(requests, options),
    };
    calls[name] = kinds[method.methodKind];
  }
  return { ...calls, close: () => channel.close() } as unknown as Client<D> & { close(): void };
}

function credentialsOf({ tls }: ClientOptions): ChannelCredentials {
  if (!tls) return ChannelCredentials.createInsecure();
  const { ca, cert, key } = tls;
  const bytes = (text: string | undefined) => (text === undefined ? null : Buffer.from(text));
  return ChannelCredentials.createSsl(Buffer.from(ca), bytes(key), bytes(cert));
}

/** A killed service is back within a second or two. */
const connectWithinMs = 2_000;

interface Cancellable {
  cancel(): void;
}

class Caller {
  readonly #channel: GrpcClient;
  readonly #method: DescMethod;
  readonly #definition: MethodDefinition<Message, Message>;
  readonly #peer: string;
  readonly #metadata: Readonly<Record<string, string>> | undefined;

  constructor(
    channel: GrpcClient,
    service: DescService,
    method: DescMethod,
    { peer, metadata, codecs }: ClientOptions & { peer: string },
  ) {
    this.#channel = channel;
    this.#method = method;
    this.#definition = methodDefinition(service, method, codecs);
    this.#peer = peer;
    this.#metadata = metadata;
  }

  async unary(request: unknown, options: CallOptions = {}): Promise<Message> {
    await this.#connected(options);
    return this.#awaited(options, (respond) => {
      const { path, requestSerialize, responseDeserialize } = this.#definition;
      const message = messageOf(this.#method.input, request);
      return this.#channel.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        message,
        this.#metadataOf(options),
        deadlineOf(options, limits.rpcTimeoutMs),
        respond,
      );
    });
  }

  /**
   * Waits a moment for a peer that is being started again: a call that was never sent may wait where one that was sent
   * may not be repeated. A peer that stays away is left for the call to find out.
   */
  #connected({ timeoutMs = limits.rpcTimeoutMs }: CallOptions): Promise<void> | undefined {
    if (this.#channel.getChannel().getConnectivityState(false) === connectivityState.READY) return undefined;
    const until = systemClock.now() + Math.min(timeoutMs, connectWithinMs);
    return new Promise((resolve) => this.#channel.waitForReady(until, () => resolve()));
  }

  async clientStream(requests: AsyncIterable<unknown>, options: CallOptions = {}): Promise<Message> {
    await this.#connected(options);
    return this.#awaited(options, (respond, fail) => {
      const { path, requestSerialize, responseDeserialize } = this.#definition;
      const call = this.#channel.makeClientStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        this.#metadataOf(options),
        deadlineOf(options),
        respond,
      );
      this.#send(call, requests).catch((error: unknown) => {
        fail(error);
        call.cancel();
      });
      return call;
    });
  }

  serverStream(request: unknown, options: CallOptions = {}): AsyncIterable<Message> {
    const { path, requestSerialize, responseDeserialize } = this.#definition;
    return this.#received(options, () =>
      this.#channel.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        messageOf(this.#method.input, request),
        this.#metadataOf(options),
        deadlineOf(options),
      ),
    );
  }

  bidi(requests: AsyncIterable<unknown>, options: CallOptions = {}): AsyncIterable<Message> {
    const { path, requestSerialize, responseDeserialize } = this.#definition;
    return this.#received(options, (fail) => {
      const call = this.#channel.makeBidiStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        this.#metadataOf(options),
        deadlineOf(options),
      );
      this.#send(call, requests).catch((error: unknown) => {
        fail(error);
        call.cancel();
      });
      return call;
    });
  }

  #metadataOf(options: CallOptions) {
    return tracedMetadata({ ...this.#metadata, ...options.metadata });
  }

  #awaited(
    { signal }: CallOptions,
    start: (
      respond: (error: ServiceError | null, response?: Message) => void,
      fail: (error: unknown) => void,
    ) => Cancellable,
  ): Promise<Message> {
    if (signal?.aborted) return Promise.reject(cancelled());
    return new Promise((resolve, reject) => {
      const cancel = () => call.cancel();
      const respond = (error: ServiceError | null, response?: Message) => {
        signal?.removeEventListener('abort', cancel);
        if (error) reject(errorOf(error, this.#peer, signal?.aborted ?? false));
        else resolve(response as Message);
      };
      const call = start(respond, reject);
      signal?.addEventListener('abort', cancel, { once: true });
    });
  }

  /** Responses as they come. Leaving the loop cancels the call; requests that cannot be had fail it. */
  async *#received(
    { signal }: CallOptions,
    start: (fail: (error: unknown) => void) => ClientReadableStream<Message>,
  ): AsyncGenerator<Message> {
    if (signal?.aborted) throw cancelled();
    let failure: { error: unknown } | undefined;
    const call = start((error) => {
      failure = { error };
    });
    const cancel = () => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    // A status that comes when nobody reads any more is no uncaught error.
    call.on('error', () => undefined);
    try {
      for await (const response of call) yield response as Message;
    } catch (thrown) {
      if (failure) throw failure.error;
      if (isServiceError(thrown)) throw errorOf(thrown, this.#peer, signal?.aborted ?? false);
      throw thrown;
    } finally {
      signal?.removeEventListener('abort', cancel);
      call.cancel();
    }
  }

  async #send(call: ClientWritableStream<Message>, requests: AsyncIterable<unknown>): Promise<void> {
    const over = new AbortController();
    const end = () => over.abort();
    call.once('status', end).once('error', end).once('close', end);
    for await (const request of requests) {
      if (over.signal.aborted) return;
      if (!call.write(messageOf(this.#method.input, request))) {
        await once(call, 'drain', { signal: over.signal }).catch(() => undefined);
      }
    }
    if (!over.signal.aborted) call.end();
  }
}

function deadlineOf({ timeoutMs }: CallOptions, otherwiseMs?: number): GrpcCallOptions {
  const ms = timeoutMs ?? otherwiseMs;
  return ms === undefined ? {} : { deadline: systemClock.now() + ms };
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && typeof (thrown as Partial<ServiceError>).code === 'number';
}

function cancelled(): PlatformError {
  return new PlatformError('CANCELLED', 'caller', 'never', 'the call was cancelled');
}
