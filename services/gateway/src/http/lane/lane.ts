import type { Socket } from 'node:net';
import type { Cancellation } from '@perennial/runtime';
import { gatewayLimits } from '../../limits.js';
import { answerText, type LaneAnswer } from './answer-text.js';
import { type RequestHead, readHead } from './request-head.js';

/** What a connection in the fast lane asks of whoever keeps it. */
export interface LaneKeeper {
  /** True once nothing new is to be taken: each connection ends with its next answer. */
  readonly isClosing: boolean;
  /** Undefined, before anything was done: node:http is to answer this request. What is returned never rejects. */
  answer(head: RequestHead, body: Buffer, signal: Cancellation): LaneAnswer | Promise<LaneAnswer> | undefined;
  /** Has flush() called at the end of this turn. */
  ready(lane: Lane): void;
  /** A request has come in part. */
  waits(lane: Lane): void;
  /** The connection is node:http's from here on, which reads `unread` first; `hasEnded` where nothing comes after it. */
  handOver(lane: Lane, socket: Socket, unread: Buffer, hasEnded: boolean): void;
  closed(lane: Lane): void;
}

const begin = Buffer.from('POST /v2/models/');
const headEnd = Buffer.from('\r\n\r\n');
const { laneHeadBytesMax, laneBytesMax } = gatewayLimits;

interface KnownHead {
  /** With the empty line. */
  readonly bytes: Buffer;
  readonly head: RequestHead;
}

/** What stands at the beginning of some bytes: less than a request, or what is not for the lane; else where it ends. */
const partial = -1;
const foreign = -2;

/**
 * One connection in the fast lane. Reads whole requests that lie in memory, one after the other, and writes their
 * answers with one call each. Whatever else comes, on any boundary of requests, goes to node:http with all bytes that
 * are not answered, and the connection with it. The lane is what its requests look at to see whether the client is gone.
 */
export class Lane implements Cancellation {
  aborted = false;
  /** Looks of the keeper since the last answer. */
  quietLooks = 0;
  /** Has not asked anything yet. */
  isFresh = true;
  readonly #socket: Socket;
  readonly #keeper: LaneKeeper;
  /** The last head, byte for byte: clients send the same one again and again. */
  #known: KnownHead | undefined;
  /** Came and is not read yet: part of a request, or what came while one is worked on. */
  #unread: Buffer | undefined;
  #isBusy = false;
  #isFull = false;
  readonly #answers: (string | Buffer)[] = [];
  #answersLength = 0;
  readonly #listeners = new Set<() => void>();
  readonly #on: Readonly<Record<string, (chunk: Buffer) => void>>;

  constructor(socket: Socket, keeper: LaneKeeper) {
    this.#socket = socket;
    this.#keeper = keeper;
    this.#on = {
      data: (chunk) => this.#received(chunk),
      end: () => this.#ended(),
      close: () => this.#closed(),
      // What follows is 'close'.
      error: () => {},
    };
    for (const [event, listener] of Object.entries(this.#on)) socket.on(event, listener);
  }

  /** Neither works on a request nor has part of one. */
  get isIdle(): boolean {
    return !this.#isBusy && !this.#isFull && this.#unread === undefined && this.#answers.length === 0;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.delete(listener);
  }

  /** Writes what is ready. */
  flush(): void {
    const answers = this.#answers;
    const socket = this.#socket;
    if (answers.length === 0) return;
    if (!socket.destroyed && !socket.writableEnded) {
      if (answers.length > 1) socket.cork();
      for (const answer of answers) socket.write(answer, 'latin1');
      if (answers.length > 1) socket.uncork();
      if (socket.writableNeedDrain) this.#waitForReader();
    }
    answers.length = 0;
    this.#answersLength = 0;
    if (this.#keeper.isClosing && this.isIdle) socket.end();
  }

  /** Gives up waiting for the rest of a request: node:http has limits for those who are slow. */
  giveUp(): void {
    const unread = this.#unread;
    // What waits behind a request that is worked on, or answers that nobody reads yet, waits for us.
    if (!unread || this.#isBusy || this.#isFull) return;
    this.#unread = undefined;
    this.#handOver(unread, false);
  }

  /** Ends the connection, with a last word where there is one. */
  destroy(lastWord?: string): void {
    if (lastWord !== undefined && this.#socket.writable) this.#socket.write(lastWord);
    this.#socket.destroy();
  }

  #received(chunk: Buffer): void {
    const bytes = this.#unread ? Buffer.concat([this.#unread, chunk]) : chunk;
    this.#unread = undefined;
    this.#read(bytes);
  }

  #read(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length && !this.#isBusy && !this.#isFull) {
      const to = this.#take(bytes, at);
      if (to === foreign) {
        this.#handOver(bytes.subarray(at), false);
        return;
      }
      if (to === partial) {
        this.#keeper.waits(this);
        break;
      }
      at = to;
    }
    if (at === bytes.length) return;
    this.#unread = bytes.subarray(at);
    // Requests behind the one that is worked on wait in the kernel when they are many.
    if (this.#isBusy && this.#unread.length > laneBytesMax) this.#socket.pause();
  }

  /** Answers the request that begins `at`; says where it ends. */
  #take(bytes: Buffer, at: number): number {
    const known = this.#headAt(bytes, at);
    if (typeof known === 'number') return known;
    const from = at + known.bytes.length;
    const to = from + known.head.contentLength;
    if (to > bytes.length) return partial;
    const answer = this.#keeper.answer(known.head, bytes.subarray(from, to), this);
    if (answer === undefined) return foreign;
    this.isFresh = false;
    if (answer instanceof Promise) {
      this.#isBusy = true;
      void answer.then((later) => this.#answeredLater(later));
    } else this.#answered(answer);
    return to;
  }

  #headAt(bytes: Buffer, at: number): KnownHead | typeof partial | typeof foreign {
    const known = this.#known;
    if (known && isAt(known.bytes, bytes, at)) return known;
    if (!isAt(begin.subarray(0, bytes.length - at), bytes, at)) return foreign;
    const end = bytes.indexOf(headEnd, at);
    if ((end < 0 ? bytes.length : end) - at > laneHeadBytesMax) return foreign;
    if (end < 0) return partial;
    const head = readHead(bytes.toString('latin1', at, end));
    if (!head || head.contentLength > laneBytesMax) return foreign;
    this.#known = { bytes: Buffer.from(bytes.subarray(at, end + headEnd.length)), head };
    return this.#known;
  }

  #answered(answer: LaneAnswer): void {
    this.quietLooks = 0;
    if (this.#answers.length === 0) this.#keeper.ready(this);
    const text = answerText(answer, this.#keeper.isClosing);
    this.#answers.push(text);
    this.#answersLength += text.length;
    // Before more is made of one piece of bytes than its reader may want.
    if (this.#answersLength > laneBytesMax) this.flush();
  }

  #answeredLater(answer: LaneAnswer): void {
    this.#isBusy = false;
    // Who has ended his side asks nothing any more.
    if (this.aborted || this.#socket.writableEnded) return;
    this.#answered(answer);
    this.#readOn();
  }

  #readOn(): void {
    const unread = this.#unread;
    this.#unread = undefined;
    this.#socket.resume();
    if (unread) this.#read(unread);
  }

  /** Answers that nobody reads are no reason to make more of them. */
  #waitForReader(): void {
    this.#isFull = true;
    this.#socket.pause();
    this.#socket.once('drain', () => {
      this.#isFull = false;
      if (!this.#isBusy) this.#readOn();
    });
  }

  #handOver(unread: Buffer, hasEnded: boolean): void {
    this.flush();
    for (const [event, listener] of Object.entries(this.#on)) this.#socket.off(event, listener);
    this.#keeper.handOver(this, this.#socket, unread, hasEnded);
  }

  /** As node:http does: who ends his side waits for nothing, and what is not answered yet has nobody who asked it. */
  #ended(): void {
    const unread = this.#unread;
    if (unread && !this.#isBusy) {
      this.#handOver(unread, true);
      return;
    }
    this.flush();
    this.#socket.end();
  }

  #closed(): void {
    this.aborted = true;
    this.#unread = undefined;
    this.#keeper.closed(this);
    for (const listener of [...this.#listeners]) listener();
  }
}

function isAt(wanted: Buffer, bytes: Buffer, at: number): boolean {
  const end = at + wanted.length;
  return end <= bytes.length && wanted.compare(bytes, at, end) === 0;
}
