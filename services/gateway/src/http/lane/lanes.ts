import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { gatewayLimits } from '../../limits.js';
import { Lane, type LaneKeeper } from './lane.js';

/** What node:http says to who asks nothing. */
const nothingAsked = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n';
const { connectionsCheckMs, headersTimeoutMs, keepAliveMs, lanePartMs } = gatewayLimits;

/**
 * The fast lane of a server: every connection begins in it and stays as long as it asks for nothing but inferences, each
 * written in the plainest way. node:http costs as much as all that the gateway does for such a request.
 */
export class Lanes implements LaneKeeper {
  isClosing = false;
  readonly answer: LaneKeeper['answer'];
  readonly #lanes = new Set<Lane>();
  readonly #toHttp: (connection: Duplex) => void;
  /** With part of a request, since the last look at them, and since the one before. */
  #waiting = new Set<Lane>();
  #waitedOnce = new Set<Lane>();
  #ready: Lane[] = [];
  #waitTimer: NodeJS.Timeout | undefined;
  readonly #looks: NodeJS.Timeout;

  /** Takes the connections of `server`, which answers what the lane leaves to it. */
  constructor(server: Server, answer: LaneKeeper['answer']) {
    this.answer = answer;
    const listeners = server.listeners('connection');
    server.removeAllListeners('connection');
    this.#toHttp = (connection) => {
      for (const listener of listeners) listener.call(server, connection);
    };
    server.on('connection', (socket) => this.#lanes.add(new Lane(socket, this)));
    this.#looks = setInterval(() => this.#look(), connectionsCheckMs);
    this.#looks.unref();
  }

  ready(lane: Lane): void {
    if (this.#ready.length === 0) setImmediate(() => this.#flush());
    this.#ready.push(lane);
  }

  waits(lane: Lane): void {
    this.#waiting.add(lane);
    this.#waitTimer ??= setInterval(() => this.#giveUp(), lanePartMs);
  }

  handOver(lane: Lane, socket: Socket, unread: Buffer, hasEnded: boolean): void {
    this.closed(lane);
    if (hasEnded) {
      this.#toHttp(ended(socket, unread));
      return;
    }
    // A stream that flows would give the bytes to nobody.
    socket.pause();
    socket.unshift(unread);
    this.#toHttp(socket);
    socket.resume();
  }

  closed(lane: Lane): void {
    this.#lanes.delete(lane);
    this.#waiting.delete(lane);
    this.#waitedOnce.delete(lane);
  }

  /** Connections end as they fall idle. */
  close(): void {
    this.isClosing = true;
    clearInterval(this.#looks);
    for (const lane of this.#lanes) if (lane.isIdle) lane.destroy();
  }

  /** Cuts what is not through. */
  closeAll(): void {
    for (const lane of this.#lanes) lane.destroy();
  }

  /**
   * What is ready in one turn is written at its end, one after the other: each write to a client that sleeps costs its
   * awakening, and many clients are one process.
   */
  #flush(): void {
    const ready = this.#ready;
    this.#ready = [];
    for (const lane of ready) lane.flush();
  }

  #giveUp(): void {
    const overdue = this.#waitedOnce;
    this.#waitedOnce = this.#waiting;
    this.#waiting = new Set();
    for (const lane of overdue) lane.giveUp();
    if (this.#waitedOnce.size > 0) return;
    clearInterval(this.#waitTimer);
    this.#waitTimer = undefined;
  }

  #look(): void {
    for (const lane of this.#lanes) {
      if (!lane.isIdle) continue;
      lane.quietLooks += 1;
      const quietMs = (lane.quietLooks - 1) * connectionsCheckMs;
      if (lane.isFresh && quietMs >= headersTimeoutMs) lane.destroy(nothingAsked);
      else if (quietMs >= keepAliveMs) lane.destroy();
    }
  }
}

/** A connection whose client has said all it will: node:http reads the bytes and their end, and answers on the socket. */
function ended(socket: Socket, unread: Buffer): Duplex {
  const connection = new Duplex({
    read: () => {},
    write: (chunk, encoding, done) => void socket.write(chunk, encoding, done),
    final: (done) => void socket.end(done),
    destroy: (cause, done) => {
      socket.destroy();
      done(cause);
    },
  });
  socket.on('error', (cause) => connection.destroy(cause));
  socket.on('close', () => connection.destroy());
  connection.push(unread);
  connection.push(null);
  return connection;
}
