import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { type Lane, well } from './lane.js';

const service = '/inference.GRPCInferenceService';
const closed = -14;
/** As clients of gRPC do: few connections, many calls in flight on each. */
export const grpcConnectionsMax = 8;

export interface GrpcLaneOptions {
  readonly session: ClientHttp2Session;
  readonly token: string;
  readonly message: Buffer;
}

export function openSession(port: number): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${port}`);
    session.once('error', reject);
    session.once('connect', () => {
      session.on('error', () => {});
      resolve(session);
    });
  });
}

function headersOf(method: string, token: string) {
  return {
    ':method': 'POST',
    ':path': `${service}/${method}`,
    'content-type': 'application/grpc+proto',
    te: 'trailers',
    authorization: `Bearer ${token}`,
  };
}

/** ModelInfer: a call for each request. */
export class GrpcUnaryLane implements Lane {
  readonly #options: GrpcLaneOptions;

  constructor(options: GrpcLaneOptions) {
    this.#options = options;
  }

  send(done: (status: number) => void): void {
    const { session, token, message } = this.#options;
    if (session.destroyed) {
      setImmediate(() => done(closed));
      return;
    }
    const call = session.request(headersOf('ModelInfer', token));
    let status = closed;
    const take = (headers: Record<string, unknown>) => {
      const code = headers['grpc-status'];
      if (code !== undefined) status = Number(code) === 0 ? well : -Number(code);
    };
    call.on('response', take);
    call.on('trailers', take);
    call.on('data', () => {});
    call.on('error', () => {});
    call.on('close', () => done(status));
    call.end(message);
  }

  close(): void {}
}

/** ModelStreamInfer: one call, a message and its answer at a time. */
export class GrpcStreamLane implements Lane {
  readonly #call: ClientHttp2Stream;
  readonly #message: Buffer;
  #done: ((status: number) => void) | undefined;
  #pending: Buffer = Buffer.alloc(0);

  constructor({ session, token, message }: GrpcLaneOptions) {
    this.#message = message;
    this.#call = session.request(headersOf('ModelStreamInfer', token));
    this.#call.on('data', (chunk: Buffer) => this.#received(chunk));
    this.#call.on('error', () => {});
    this.#call.on('close', () => this.#finish(closed));
  }

  send(done: (status: number) => void): void {
    this.#done = done;
    if (this.#call.destroyed) setImmediate(() => this.#finish(closed));
    else this.#call.write(this.#message);
  }

  close(): void {
    this.#done = undefined;
    this.#call.close();
  }

  #received(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    if (this.#pending.length < 5 || this.#pending.length < 5 + this.#pending.readUInt32BE(1)) return;
    // Field 1 of ModelStreamInferResponse is the text of an error.
    const failed = this.#pending[5] === 10;
    this.#pending = Buffer.alloc(0);
    this.#finish(failed ? -13 : well);
  }

  #finish(status: number): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(status);
  }
}
