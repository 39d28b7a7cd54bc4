import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type GetReplicaResponse,
  type LoadModelRequestSchema,
  type LoadModelResponse,
  type ServeRequest,
  ServeRequestSchema,
  type ServeResponse,
} from '@perennial/contracts';
import { PlatformError } from '@perennial/kernel';
import { AsyncQueue } from '../effects/async-queue.js';
import { fleetLimits } from './limits.js';

/** The calls of a replica that the gateway makes; libs/service's client has them. */
export interface ReplicaCalls {
  /** Answers when the replica is up. */
  ping(timeoutMs: number): Promise<GetReplicaResponse>;
  load(request: MessageInitShape<typeof LoadModelRequestSchema>): Promise<LoadModelResponse>;
  unload(digest: string): Promise<unknown>;
  serve(requests: AsyncIterable<ServeRequest>, signal: AbortSignal): AsyncIterable<ServeResponse>;
}

export interface ReplicaEvents {
  /** The stream stands; what the replica said of itself just before. */
  readonly onConnected: (self: GetReplicaResponse) => void;
  /** The stream is gone; without an error where the replica ended it. */
  readonly onLost: (error: unknown) => void;
  readonly onAnswer: (response: ServeResponse, tookMs: number) => void;
}

/** What becomes of what a lost replica had in hand depends on how it was lost. */
export type LossKind = 'crashed' | 'drained' | 'silent' | 'closed';

/** The replica is gone, and with it the request; it may be asked elsewhere. */
export class ReplicaLost extends Error {
  readonly how: LossKind;

  constructor(how: LossKind) {
    super(`a replica was lost (${how})`);
    this.how = how;
  }
}

/** A request that is with the replica. */
export interface Sent {
  /** Rejects with ReplicaLost, or at the deadline with DEADLINE_EXCEEDED. */
  readonly answer: Promise<ServeResponse>;
  /** Nobody waits any more: its place in the replica's queue becomes free. The answer then never comes. */
  cancel(): void;
}

type Message = Omit<MessageInitShape<typeof ServeRequestSchema>, '$typeName' | 'sequence' | 'timeoutMs'>;

interface Pending {
  readonly rows: number;
  readonly sentAt: number;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (response: ServeResponse) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One replica of inference behind one long-lived stream, which is opened again whenever it breaks. What was in hand
 * then is given back to whoever sent it. A replica that has requests and says nothing is pinged, and taken for lost
 * when it does not answer: a process that is stopped or hangs breaks no connection.
 */
export class Replica {
  readonly #calls: ReplicaCalls;
  readonly #events: ReplicaEvents;
  readonly #pending = new Map<bigint, Pending>();
  readonly #stop = new AbortController();
  readonly #watch: NodeJS.Timeout;
  #stream: { queue: AsyncQueue<ServeRequest>; abort: AbortController } | undefined;
  #sequence = 0n;
  #rows = 0;
  #heardAt = 0;
  #isPinging = false;

  constructor(calls: ReplicaCalls, events: ReplicaEvents) {
    this.#calls = calls;
    this.#events = events;
    this.#watch = setInterval(() => this.#lookForSilence(), fleetLimits.silenceLookMs);
    this.#watch.unref();
    void this.#keepConnected();
  }

  get isConnected(): boolean {
    return this.#stream !== undefined;
  }

  get inFlight(): number {
    return this.#pending.size;
  }

  get rowsInFlight(): number {
    return this.#rows;
  }

  /** How long the oldest request has been there, in ms; 0 where there is none. */
  oldestMs(now: number): number {
    for (const { sentAt } of this.#pending.values()) return now - sentAt;
    return 0;
  }

  load(request: MessageInitShape<typeof LoadModelRequestSchema>): Promise<LoadModelResponse> {
    return this.#calls.load(request);
  }

  unload(digest: string): Promise<unknown> {
    return this.#calls.unload(digest);
  }

  ping(): Promise<GetReplicaResponse> {
    return this.#calls.ping(fleetLimits.pingTimeoutMs);
  }

  /** Sends one request. `deadlineAt` is on performance.now(). Where there is no stream it is lost at once. */
  send(message: Message, rows: number, deadlineAt: number): Sent {
    const stream = this.#stream;
    if (!stream) return { answer: Promise.reject(new ReplicaLost('closed')), cancel: () => {} };
    this.#sequence += 1n;
    const sequence = this.#sequence;
    const sentAt = performance.now();
    if (this.#pending.size === 0) this.#heardAt = sentAt;
    const answer = new Promise<ServeResponse>((resolve, reject) => {
      const late = () => {
        this.#settle(sequence);
        reject(tooLate());
      };
      const timer = setTimeout(late, Math.max(0, deadlineAt - sentAt));
      this.#pending.set(sequence, { rows, sentAt, timer, resolve, reject });
    });
    this.#rows += rows;
    const timeoutMs = Math.max(1, Math.ceil(deadlineAt - sentAt));
    stream.queue.push(create(ServeRequestSchema, { ...message, sequence, timeoutMs }));
    const cancel = () => {
      if (!this.#settle(sequence)) return;
      this.#stream?.queue.push(create(ServeRequestSchema, { sequence, cancel: true }));
    };
    return { answer, cancel };
  }

  close(): void {
    this.#stop.abort();
    clearInterval(this.#watch);
    this.#stream?.queue.close();
    this.#lose('closed');
  }

  async #keepConnected(): Promise<void> {
    let delayMs: number = fleetLimits.reconnectDelayMsMin;
    while (!this.#stop.signal.aborted) {
      try {
        // A stream shows no sign of life before its first answer; a call does.
        const self = await this.ping();
        if (this.#stop.signal.aborted) return;
        delayMs = fleetLimits.reconnectDelayMsMin;
        await this.#serve(self);
      } catch {
        // Whoever cares was told; it is tried again.
      }
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      delayMs = Math.min(delayMs * 2, fleetLimits.reconnectDelayMsMax);
    }
  }

  async #serve(self: GetReplicaResponse): Promise<void> {
    const queue = new AsyncQueue<ServeRequest>();
    const abort = new AbortController();
    this.#stream = { queue, abort };
    let how: LossKind = 'crashed';
    let failure: unknown;
    try {
      const responses = this.#calls.serve(queue, AbortSignal.any([this.#stop.signal, abort.signal]));
      this.#events.onConnected(self);
      for await (const response of responses) this.#answered(response);
      how = 'drained';
    } catch (error) {
      failure = error;
    } finally {
      this.#stream = undefined;
      queue.close();
      // Before those whose requests were lost look for another one.
      if (!this.#stop.signal.aborted) this.#events.onLost(failure);
      this.#lose(abort.signal.aborted ? 'silent' : how);
    }
  }

  #answered(response: ServeResponse): void {
    const now = performance.now();
    this.#heardAt = now;
    const pending = this.#settle(response.sequence);
    if (!pending) return;
    this.#events.onAnswer(response, now - pending.sentAt);
    pending.resolve(response);
  }

  /** Every request ends here. */
  #settle(sequence: bigint): Pending | undefined {
    const pending = this.#pending.get(sequence);
    if (!pending) return undefined;
    this.#pending.delete(sequence);
    this.#rows -= pending.rows;
    clearTimeout(pending.timer);
    return pending;
  }

  #lose(how: LossKind): void {
    for (const sequence of [...this.#pending.keys()]) this.#settle(sequence)?.reject(new ReplicaLost(how));
  }

  #lookForSilence(): void {
    const stream = this.#stream;
    const isSilent = this.#pending.size > 0 && performance.now() - this.#heardAt > fleetLimits.silenceMs;
    if (!stream || !isSilent || this.#isPinging) return;
    this.#isPinging = true;
    this.ping()
      .then(
        () => {
          this.#heardAt = performance.now();
        },
        () => stream.abort.abort(),
      )
      .finally(() => {
        this.#isPinging = false;
      });
  }
}

/** What a request is told whose time is over. */
export function tooLate(isReachable = true): PlatformError {
  return new PlatformError(
    'DEADLINE_EXCEEDED',
    'dependency',
    'after',
    isReachable
      ? 'Request timeout expired: the model did not answer in time; send fewer rows or allow more time'
      : 'Request timeout expired: inference does not answer; ask again when it is back',
  );
}

/** What a request is told that would have to wait for too long. Most are told so under overload, so without a stack. */
export function exhausted(why: string, waitMs: number): PlatformError {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return new PlatformError(
      'QUEUE_EXHAUSTED',
      'dependency',
      'after',
      `Exceeds maximum queue size: ${why}; send fewer at a time, or again later`,
      { retryAfterMs: Math.max(1, Math.min(60_000, Math.ceil(waitMs))) },
    );
  } finally {
    Error.stackTraceLimit = limit;
  }
}
