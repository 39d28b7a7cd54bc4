import { connect, type Socket } from 'node:net';
import type { Lane } from './lane.js';

const headEnd = Buffer.from('\r\n\r\n');
const lengthName = /content-length: (\d+)/i;
const closed = 599;

/** A kept-alive connection of HTTP/1.1 without a client: request bytes are made before, answers are only measured. */
export class HttpLane implements Lane {
  readonly #socket: Socket;
  readonly #request: Buffer;
  #done: ((status: number) => void) | undefined;
  #pending: Buffer | undefined;

  private constructor(socket: Socket, request: Buffer) {
    this.#socket = socket;
    this.#request = request;
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('error', () => {});
    socket.on('close', () => this.#finish(closed));
  }

  static open(port: number, request: Buffer): Promise<HttpLane> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new HttpLane(socket, request)));
    });
  }

  send(done: (status: number) => void): void {
    this.#done = done;
    if (this.#socket.destroyed) setImmediate(() => this.#finish(closed));
    else this.#socket.write(this.#request);
  }

  close(): void {
    this.#done = undefined;
    this.#socket.destroy();
  }

  #received(chunk: Buffer): void {
    const data = this.#pending ? Buffer.concat([this.#pending, chunk]) : chunk;
    const end = data.indexOf(headEnd);
    if (end >= 0) {
      const head = data.toString('latin1', 0, end);
      const length = Number(lengthName.exec(head)?.[1] ?? 0);
      if (data.length >= end + headEnd.length + length) {
        this.#pending = undefined;
        this.#finish(Number(head.slice(9, 12)));
        return;
      }
    }
    this.#pending = data;
  }

  #finish(status: number): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(status);
  }
}
