import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';

export interface GrpcAnswer {
  /** The call's status; 0 is success. */
  readonly code: number;
  readonly message: string;
  readonly messages: readonly Buffer[];
}

const answerWithinMs = 30_000;
/** A flag and the message's length. */
const prefixBytes = 5;

/** gRPC as it is on the wire: length-prefixed messages over HTTP/2, the status in the trailers. */
export class GrpcConnection {
  readonly #session: ClientHttp2Session;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(address: string, headers: Readonly<Record<string, string>>) {
    // Of MiB: what is written and not taken yet counts, and past it Node refuses even the answers.
    this.#session = connect(`http://${address}`, { maxSessionMemory: 1_000 });
    // A refused connection shows in the call.
    this.#session.on('error', () => {});
    this.#headers = headers;
  }

  /** One call with all its requests at once. */
  async call(
    method: string,
    requests: readonly Buffer[],
    headers: Readonly<Record<string, string>> = {},
  ): Promise<GrpcAnswer> {
    const stream = this.open(method, headers);
    for (const request of requests) stream.write(request);
    stream.end();
    return stream.answer;
  }

  open(method: string, headers: Readonly<Record<string, string>> = {}): GrpcStream {
    return new GrpcStream(
      this.#session.request({
        ':method': 'POST',
        ':path': `/inference.GRPCInferenceService/${method}`,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...this.#headers,
        ...headers,
      }),
    );
  }

  close(): void {
    this.#session.close();
    this.#session.destroy();
  }
}

/** A call in hand. */
export class GrpcStream {
  readonly answer: Promise<GrpcAnswer>;
  /** What came so far. */
  readonly messages: Buffer[] = [];
  readonly #stream: ClientHttp2Stream;
  #chunks: Buffer[] = [];
  #length = 0;
  /** Bytes until the next prefix, or the next message with it, is whole. */
  #wanted = prefixBytes;

  constructor(stream: ClientHttp2Stream) {
    this.#stream = stream;
    this.answer = new Promise((resolve, reject) => {
      let trailers: Record<string, unknown> = {};
      stream.on('response', (headers) => {
        // An answer without messages has its status in the headers.
        if (headers['grpc-status'] !== undefined) trailers = headers;
      });
      stream.on('trailers', (headers) => {
        trailers = headers;
      });
      stream.on('data', (chunk: Buffer) => this.#take(chunk));
      stream.on('error', reject);
      stream.setTimeout(answerWithinMs, () => stream.destroy(new Error('no answer within 30 s')));
      stream.on('close', () => {
        const code = trailers['grpc-status'];
        if (code === undefined)
          reject(new Error(`the call ended without a status (HTTP/2 ${stream.rstCode})`));
        const message = decodeURIComponent(String(trailers['grpc-message'] ?? ''));
        resolve({ code: Number(code), message, messages: this.messages });
      });
    });
    this.answer.catch(() => {});
  }

  write(message: Buffer): void {
    const prefix = Buffer.alloc(prefixBytes);
    prefix.writeUInt32BE(message.length, 1);
    this.#stream.write(Buffer.concat([prefix, message]));
  }

  /** Bytes without a frame of their own. */
  writeBytes(bytes: Buffer): void {
    this.#stream.write(bytes);
  }

  end(): void {
    this.#stream.end();
  }

  cancel(): void {
    this.#stream.close(8);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    // Put together only when a message is whole: a long one comes in a thousand pieces.
    while (this.#length >= this.#wanted) {
      const bytes = Buffer.concat(this.#chunks);
      if (this.#wanted === prefixBytes) {
        this.#wanted = prefixBytes + bytes.readUInt32BE(1);
        this.#chunks = [bytes];
        if (this.#wanted > prefixBytes) continue;
      }
      this.messages.push(bytes.subarray(prefixBytes, this.#wanted));
      this.#chunks = [bytes.subarray(this.#wanted)];
      this.#length -= this.#wanted;
      this.#wanted = prefixBytes;
    }
  }
}
