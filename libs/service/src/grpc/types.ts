import type { PeerCertificate } from 'node:tls';
import type {
  DescMessage,
  DescMethod,
  DescService,
  Message,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import type { Metadata } from '@grpc/grpc-js';

/** What says that nobody waits any more: an AbortSignal, or anything lighter. */
export interface Cancellation {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** What a method may know about the call beside the request. */
export interface Call {
  /** Aborted when the client cancelled or went away, or the deadline passed. */
  readonly signal: AbortSignal;
  /** The same, where making a signal would take longer than the method itself; also aborted behind the answer. */
  readonly cancellation: Cancellation;
  /** Aborted when the server begins to drain: a long-lived stream should answer what it has in hand and end. */
  readonly draining: AbortSignal;
  readonly deadline: Date | undefined;
  readonly peer: string;
  readonly metadata: Metadata;
  /** What the server's `authorize` found out about whoever calls; undefined without one. */
  readonly caller: unknown;
}

/** What a connection says about whoever is at its other end. */
export interface WhoCalls {
  readonly peer: string;
  /** What the client showed, checked; undefined where none was asked for. */
  readonly certificate: () => PeerCertificate | undefined;
}

/**
 * Finds out who calls, for `Call.caller`; a promise where that takes a while. Throws PlatformError UNAUTHENTICATED or FORBIDDEN. `path` is
 * `/package.Service/Method`.
 */
export type Authorize = (metadata: Metadata, path: string, who: WhoCalls) => unknown;

type Method<M, Kind extends DescMethod['methodKind']> = M extends {
  methodKind: Kind;
  input: infer I extends DescMessage;
  output: infer O extends DescMessage;
}
  ? { input: I; output: O }
  : never;

type Later<T> = T | Promise<T>;

type ServerMethod<M> = M extends { methodKind: 'unary' }
  ? (
      request: MessageShape<Method<M, 'unary'>['input']>,
      call: Call,
    ) => Later<MessageInitShape<Method<M, 'unary'>['output']>>
  : M extends { methodKind: 'server_streaming' }
    ? (
        request: MessageShape<Method<M, 'server_streaming'>['input']>,
        call: Call,
      ) => AsyncIterable<MessageInitShape<Method<M, 'server_streaming'>['output']>>
    : M extends { methodKind: 'client_streaming' }
      ? (
          requests: AsyncIterable<MessageShape<Method<M, 'client_streaming'>['input']>>,
          call: Call,
        ) => Later<MessageInitShape<Method<M, 'client_streaming'>['output']>>
      : M extends { methodKind: 'bidi_streaming' }
        ? (
            requests: AsyncIterable<MessageShape<Method<M, 'bidi_streaming'>['input']>>,
            call: Call,
          ) => AsyncIterable<MessageInitShape<Method<M, 'bidi_streaming'>['output']>>
        : never;

/** One function for each method of the service, named as generated (lower camel case). */
export type Implementation<D extends DescService> = {
  [K in keyof D['method']]: ServerMethod<D['method'][K]>;
};

/** Reads and writes the messages of one type: what fromBinary and toBinary do, faster. */
export interface Codec {
  decode(bytes: Uint8Array): Message;
  encode(message: never): Uint8Array;
}

/** By `package.Message`. */
export type Codecs = ReadonlyMap<string, Codec>;

export interface RpcOptions {
  /** Methods that are asked thousands of times a second: without a trace of the caller's they begin none of their own. */
  readonly quick?: readonly string[];
  readonly codecs?: Codecs;
}

/** A service and what answers it. */
export interface RpcService extends RpcOptions {
  readonly service: DescService;
  readonly implementation: Readonly<Record<string, unknown>>;
}

/** Binds an implementation to its service. */
export function rpc<D extends DescService>(
  service: D,
  implementation: Implementation<D>,
  options: RpcOptions = {},
): RpcService {
  return { ...options, service, implementation: implementation as Record<string, unknown> };
}

export interface CallOptions {
  /** Milliseconds until DEADLINE_EXCEEDED. Unary calls: limits.rpcTimeoutMs by default; streams: none. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Sent with the call, for example `authorization`. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

type ClientMethod<M> = M extends { methodKind: 'unary' }
  ? (
      request: MessageInitShape<Method<M, 'unary'>['input']>,
      options?: CallOptions,
    ) => Promise<MessageShape<Method<M, 'unary'>['output']>>
  : M extends { methodKind: 'server_streaming' }
    ? (
        request: MessageInitShape<Method<M, 'server_streaming'>['input']>,
        options?: CallOptions,
      ) => AsyncIterable<MessageShape<Method<M, 'server_streaming'>['output']>>
    : M extends { methodKind: 'client_streaming' }
      ? (
          requests: AsyncIterable<MessageInitShape<Method<M, 'client_streaming'>['input']>>,
          options?: CallOptions,
        ) => Promise<MessageShape<Method<M, 'client_streaming'>['output']>>
      : M extends { methodKind: 'bidi_streaming' }
        ? (
            requests: AsyncIterable<MessageInitShape<Method<M, 'bidi_streaming'>['input']>>,
            options?: CallOptions,
          ) => AsyncIterable<MessageShape<Method<M, 'bidi_streaming'>['output']>>
        : never;

/** The service as its caller sees it. Whatever goes wrong is thrown as a PlatformError. */
export type Client<D extends DescService> = { [K in keyof D['method']]: ClientMethod<D['method'][K]> };
