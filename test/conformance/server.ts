import { GrpcWire } from './wire/grpc-wire.js';
import { HttpWire } from './wire/http-wire.js';
import type { Wire } from './wire/wire.js';

/** A server that the suite is run against. */
export interface Server {
  /** `http://host:port`. */
  readonly http: string;
  /** host:port */
  readonly grpc: string;
  readonly token: string | undefined;
  /** Whether it is ours, whose words and limits are known. */
  readonly isOurs: boolean;
  stop(): Promise<void>;
}

/** The server that CONFORMANCE_HTTP and CONFORMANCE_GRPC name; a platform of our own where they are not set. */
export async function serverUnderTest(): Promise<Server> {
  const { CONFORMANCE_HTTP: http, CONFORMANCE_GRPC: grpc, CONFORMANCE_TOKEN: token } = process.env;
  if ((http === undefined) !== (grpc === undefined))
    throw new Error('set both, CONFORMANCE_HTTP (http://host:port) and CONFORMANCE_GRPC (host:port)');
  if (http !== undefined && grpc !== undefined)
    return { http, grpc, token, isOurs: false, stop: async () => {} };
  const { startOwnServer } = await import('./own-server.js');
  return startOwnServer();
}

export interface WireKind {
  readonly name: string;
  readonly transport: 'http' | 'grpc';
  readonly isBinary: boolean;
}

/** The ways to speak to a server: known before there is one, so that each has cases of its own. */
export const wireKinds: readonly WireKind[] = [
  { name: 'HTTP with JSON', transport: 'http', isBinary: false },
  { name: 'HTTP with bytes', transport: 'http', isBinary: true },
  { name: 'gRPC with raw contents', transport: 'grpc', isBinary: true },
  { name: 'gRPC with typed contents', transport: 'grpc', isBinary: true },
];

/** Each of them, to this server. */
export function wiresOf({ http, grpc, token }: Server): { http: HttpWire[]; grpc: GrpcWire[]; all: Wire[] } {
  const overHttp = [new HttpWire(http, token, false), new HttpWire(http, token, true)];
  const overGrpc = [new GrpcWire(grpc, token, false), new GrpcWire(grpc, token, true)];
  return { http: overHttp, grpc: overGrpc, all: [...overHttp, ...overGrpc] };
}
