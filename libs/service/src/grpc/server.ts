import type { Server as NetServer } from 'node:net';
import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import {
  logVerbosity,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
  setLogVerbosity,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import { limits, unavailable } from '@perennial/kernel';
import type { TlsFiles } from '../tls/tls-files.js';
import { authorizing } from './authorizing.js';
import { methodDefinition } from './definition.js';
import { ReloadedCredentials } from './reloaded-credentials.js';
import { Served, type ServedOptions } from './served.js';
import type { Authorize, Codecs, RpcService } from './types.js';

// What goes wrong is thrown; its own lines on stderr would break the JSON log. GRPC_VERBOSITY brings them back.
if (!process.env['GRPC_VERBOSITY']) setLogVerbosity(logVerbosity.NONE);

export interface ServeOptions {
  readonly services: readonly RpcService[];
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  /** Asked before anything of a call is read but its headers. */
  readonly authorize?: Authorize;
  /** Calls that one connection may have open at a time; without it there is no bound. */
  readonly streamsMax?: number;
  /** Connections at a time; more are cut as they come. Without it there is no bound. */
  readonly connectionsMax?: number;
  /** Without it: plain text, for a private network or behind whoever terminates TLS. */
  readonly tls?: TlsFiles | undefined;
  /** How long calls in hand may take to end after drain() is called, in milliseconds. */
  readonly drainTimeoutMs?: number;
  /** Told of errors that are our fault, with what the caller is not told. */
  readonly onError?: (error: unknown, path: string) => void;
}

export interface GrpcServer {
  /** `host:port` as bound. */
  readonly address: string;
  /** Takes nothing new, lets calls in hand end, cuts what is left after the limit. Never rejects. */
  drain(): Promise<void>;
}

/**
 * Serves gRPC, with TLS where that is asked for.
 *
 * @throws PlatformError LISTEN_UNAVAILABLE where the address cannot be had
 */
export async function serveGrpc(o: ServeOptions): Promise<GrpcServer> {
  const { authorize, streamsMax, onError } = o;
  const server = new Server({
    'grpc.max_receive_message_length': limits.grpcMessageBytesMax,
    'grpc.max_send_message_length': limits.grpcMessageBytesMax,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.enable_channelz': 0,
    ...(streamsMax !== undefined && { 'grpc.max_concurrent_streams': streamsMax }),
    ...(authorize && { interceptors: [authorizing({ authorize, ...(onError && { onError }) })] }),
  });
  const draining = new AbortController();
  for (const { service, implementation, quick = [], codecs } of o.services) {
    for (const [name, method] of Object.entries(service.method)) {
      const work = implementation[name];
      // Absent methods are answered with UNIMPLEMENTED by grpc-js itself.
      if (typeof work === 'function') {
        register(server, service, method, work.bind(implementation), {
          draining: draining.signal,
          isQuick: quick.includes(name),
          ...(codecs && { codecs }),
          ...(onError && { onError }),
        });
      }
    }
  }
  const address = await bind(server, o.listen, o.tls);
  for (const inner of serversIn(server)) {
    if (o.connectionsMax !== undefined) inner.maxConnections = o.connectionsMax;
    o.tls?.cutWithdrawn(inner);
  }
  return {
    address,
    drain: () => {
      draining.abort();
      return shutDown(server, o.drainTimeoutMs ?? limits.drainTimeoutMs);
    },
  };
}

type Work = (...given: unknown[]) => unknown;

interface Registered extends ServedOptions {
  readonly codecs?: Codecs;
}

function register(
  server: Server,
  service: DescService,
  method: DescMethod,
  work: Work,
  options: Registered,
): void {
  const definition = methodDefinition(service, method, options.codecs);
  const served = new Served(method, definition.path, work, options);
  type Respond = sendUnaryData<Message>;
  const kinds: Record<DescMethod['methodKind'], readonly [string, unknown]> = {
    unary: ['unary', (call: RequestCall, respond: Respond) => served.answer(call, call.request, respond)],
    client_streaming: [
      'clientStream',
      (call: StreamCall, respond: Respond) => served.answer(call, requestsOf(call), respond),
    ],
    server_streaming: [
      'serverStream',
      (call: RequestCall & StreamCall) => void served.stream(call, call.request),
    ],
    bidi_streaming: ['bidi', (call: StreamCall) => void served.stream(call, requestsOf(call))],
  };
  const [type, handle] = kinds[method.methodKind];
  const { path, responseSerialize, requestDeserialize } = definition;
  server.register(path, handle as UntypedHandleCall, responseSerialize, requestDeserialize, type);
}

type RequestCall = ServerUnaryCall<Message, Message>;
type StreamCall = ServerDuplexStream<Message, Message>;

/** A plain loop over a duplex call would destroy it when its request side ends, before it is answered. */
function requestsOf(call: StreamCall): AsyncIterable<Message> {
  return { [Symbol.asyncIterator]: () => call.iterator({ destroyOnReturn: false }) };
}

function bind(server: Server, listen: string, tls: TlsFiles | undefined): Promise<string> {
  const credentials = tls ? new ReloadedCredentials(tls) : ServerCredentials.createInsecure();
  const host = listen.slice(0, listen.lastIndexOf(':'));
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, credentials, (error, port) => {
      if (error) {
        const message = `cannot listen on ${listen}; free the port or choose another`;
        reject(unavailable('LISTEN_UNAVAILABLE', message, { internal: error.message }));
      } else resolve(`${host}:${port}`);
    });
  });
}

/** grpc-js keeps its HTTP/2 servers to itself and bounds no connections. Where it keeps them elsewhere, a test tells. */
function serversIn(server: Server): NetServer[] {
  return [...(server as unknown as { readonly http2Servers: Map<NetServer, unknown> }).http2Servers.keys()];
}

function shutDown(server: Server, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, withinMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
