import { create } from '@bufbuild/protobuf';
import { type oip, type ServeRequest, ServeRequestSchema, type ServeResponse } from '@perennial/contracts';
import { PlatformError, unavailable } from '@perennial/kernel';
import { gatewayLimits } from '../limits.js';
import { AsyncQueue } from './async-queue.js';

/** The calls of a replica that the gateway makes; libs/service's client has them. */
export interface ReplicaCalls {
  /** Answers when the replica is up. */
  ping(): Promise<unknown>;
  load(model: string, version: number, digest: string): Promise<unknown>;
  serve(requests: AsyncIterable<ServeRequest>, signal: AbortSignal): AsyncIterable<ServeResponse>;
}

interface Pending {
  readonly request: ServeRequest;
  readonly deadlineAt: number;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (response: oip.ModelInferResponse) => void;
  readonly reject: (error: unknown) => void;
  readonly sendsMax: number;
  sends: number;
}

/**
 * One replica of inference behind one long-lived stream. The stream is opened again whenever it breaks; what was in
 * flight is sent again on the new one, within each request's deadline, so that a restart of the replica is a delay
 * and no failure.
 */
export class Replica {
  readonly #calls: ReplicaCalls;
  readonly #onState: (isConnected: boolean, error?: unknown) => void;
  readonly #pending = new Map<bigint, Pending>();
  readonly #stop = new AbortController();
  #queue: AsyncQueue<ServeRequest> | undefined;
  #sequence = 0n;

  constructor(calls: ReplicaCalls, onState: (isConnected: boolean, error?: unknown) => void) {
    this.#calls = calls;
    this.#onState = onState;
    void this.#keepConnected();
  }

  get inFlight(): number {
    return this.#pending.size;
  }

  get isConnected(): boolean {
    return this.#queue !== undefined;
  }

  load(model: string, version: number, digest: string): Promise<unknown> {
    return this.#calls.load(model, version, digest);
  }

  /**
   * Runs a request on the model with this digest. `deadlineAt` is on performance.now(); `sendsMax` bounds how often it
   * is sent.
   *
   * @throws PlatformError DEADLINE_EXCEEDED, INFERENCE_UNAVAILABLE, or what the replica says
   */
  infer(
    digest: string,
    request: oip.ModelInferRequest,
    deadlineAt: number,
    sendsMax: number = gatewayLimits.sendsMax,
  ): Promise<oip.ModelInferResponse> {
    return new Promise((resolve, reject) => {
      this.#sequence += 1n;
      const sequence = this.#sequence;
      const timer = setTimeout(
        () => {
          this.#pending.delete(sequence);
          reject(tooLate(this.isConnected));
        },
        Math.max(0, deadlineAt - performance.now()),
      );
      const pending: Pending = {
        request: create(ServeRequestSchema, { sequence, digest, request }),
        deadlineAt,
        timer,
        resolve,
        reject,
        sendsMax,
        sends: 0,
      };
      this.#pending.set(sequence, pending);
      this.#send(pending);
    });
  }

  close(): void {
    this.#stop.abort();
    this.#queue?.close();
    for (const [sequence, pending] of this.#pending) {
      this.#settle(sequence, pending);
      pending.reject(unavailable('INFERENCE_UNAVAILABLE', 'the gateway is stopping; ask again'));
    }
  }

  #send(pending: Pending): void {
    if (!this.#queue) return;
    pending.sends += 1;
    pending.request.timeoutMs = Math.max(1, Math.ceil(pending.deadlineAt - performance.now()));
    this.#queue.push(pending.request);
  }

  async #keepConnected(): Promise<void> {
    let delayMs: number = gatewayLimits.reconnectDelayMsMin;
    while (!this.#stop.signal.aborted) {
      try {
        // A stream shows no sign of life before its first answer; a call does.
        await this.#calls.ping();
        delayMs = gatewayLimits.reconnectDelayMsMin;
        await this.#serve();
      } catch (error) {
        if (!this.#stop.signal.aborted) this.#onState(false, error);
      }
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      delayMs = Math.min(delayMs * 2, gatewayLimits.reconnectDelayMsMax);
    }
  }

  async #serve(): Promise<void> {
    const queue = new AsyncQueue<ServeRequest>();
    this.#queue = queue;
    try {
      this.#onState(true);
      for (const pending of this.#pending.values()) this.#send(pending);
      for await (const response of this.#calls.serve(queue, this.#stop.signal)) this.#answered(response);
    } finally {
      this.#queue = undefined;
      queue.close();
      this.#giveUpOnPoison();
    }
  }

  #giveUpOnPoison(): void {
    for (const [sequence, pending] of this.#pending) {
      if (pending.sends < pending.sendsMax) continue;
      this.#settle(sequence, pending);
      pending.reject(
        unavailable(
          'INFERENCE_UNAVAILABLE',
          `inference went away ${pending.sends} times with this request; look at its log before asking again`,
        ),
      );
    }
  }

  #answered({ sequence, outcome }: ServeResponse): void {
    const pending = this.#pending.get(sequence);
    if (!pending) return;
    if (outcome.case === 'error' && passing.test(outcome.value.code) && pending.sends < pending.sendsMax) {
      // Not at once: what is in the way needs a moment to pass.
      setTimeout(() => {
        if (this.#pending.has(sequence)) this.#send(pending);
      }, gatewayLimits.resendDelayMs);
      return;
    }
    this.#settle(sequence, pending);
    if (outcome.case === 'response') pending.resolve(outcome.value);
    else if (outcome.case === 'error') pending.reject(errorOf(outcome.value.code, outcome.value.message));
    else pending.reject(new Error('a replica answered without an outcome'));
  }

  #settle(sequence: bigint, pending: Pending): void {
    this.#pending.delete(sequence);
    clearTimeout(pending.timer);
  }
}

/** What a request is told whose time is over. */
export function tooLate(isConnected: boolean): PlatformError {
  return new PlatformError(
    'DEADLINE_EXCEEDED',
    'dependency',
    'after',
    isConnected
      ? 'Request timeout expired: the model did not answer in time; send fewer rows or allow more time'
      : 'Request timeout expired: inference does not answer; ask again when it is back',
  );
}

/** What a replica meets while it stops, or while the artifact store restarts. */
const passing = /^(EXECUTOR_|ARTIFACT_)|_UNAVAILABLE$/;

/** What the caller did wrong stays the caller's; anything else may go well later. */
function errorOf(code: string, message: string): PlatformError {
  const isCallers = /^(INPUT_|TENSOR_|MODEL_RUN_FAILED|MODEL_UNSUPPORTED)/.test(code);
  return new PlatformError(code, isCallers ? 'caller' : 'dependency', isCallers ? 'never' : 'after', message);
}
