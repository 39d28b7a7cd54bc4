import { toJson } from '@bufbuild/protobuf';
import { type Prediction, PredictionSchema, predictionSubject } from '@perennial/contracts';
import { assert, canonicalJson, PlatformError } from '@perennial/kernel';
import { gatewayLimits } from '../limits.js';

export interface PublishedPrediction {
  readonly subject: string;
  readonly id: string;
  readonly body: string;
}

export interface SpoolOptions {
  readonly tenant: string;
  /** Resolves when the bus has acknowledged it; publishing the same id again changes nothing. */
  readonly publish: (message: PublishedPrediction) => Promise<void>;
  /** Told once when publishing begins to fail, and once when it works again. */
  readonly onOutage: (error: unknown | undefined) => void;
}

/**
 * Holds prediction events until the bus has acknowledged them, through outages of any length. Bounded: past the
 * bound, requests are refused rather than answered without a trace.
 */
export class PredictionSpool {
  readonly #options: SpoolOptions;
  #waiting: PublishedPrediction[] = [];
  #admitted = 0;
  #inFlight = 0;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #whenEmpty: (() => void)[] = [];

  constructor(options: SpoolOptions) {
    this.#options = options;
  }

  /** Requests in hand and events that are not acknowledged yet. */
  get size(): number {
    return this.#admitted;
  }

  /**
   * Takes a place for one request; `add` or `release` gives it back in the end.
   *
   * @throws PlatformError SPOOL_EXHAUSTED
   */
  admit(): void {
    this.checkRoom();
    this.#admitted += 1;
  }

  /**
   * Takes nothing; says whether a request need be read at all.
   *
   * @throws PlatformError SPOOL_EXHAUSTED
   */
  checkRoom(): void {
    if (this.#admitted >= gatewayLimits.spooledPredictionsMax) {
      throw new PlatformError(
        'SPOOL_EXHAUSTED',
        'dependency',
        'after',
        `${this.#admitted} predictions wait for the event bus; ask again when it is back`,
        { retryAfterMs: 1_000 },
      );
    }
  }

  /** Gives the place back without an event. */
  release(): void {
    this.#admitted -= 1;
    if (this.#admitted === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  /** Publishes the event, as often as it takes. */
  add(prediction: Prediction): void {
    this.#waiting.push({
      subject: predictionSubject(this.#options.tenant, prediction.deployment),
      id: prediction.predictionId,
      body: bodyOf(prediction),
    });
    this.#pump();
  }

  /** Resolves when everything is acknowledged, or after `withinMs`; says whether it is. */
  async drain(withinMs: number): Promise<boolean> {
    if (this.#admitted === 0) return true;
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([
      new Promise<void>((resolve) => this.#whenEmpty.push(resolve)),
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, withinMs);
      }),
    ]);
    clearTimeout(timer);
    return this.#admitted === 0;
  }

  #pump(): void {
    // After a failure one message at a time tries whether the bus is back.
    const room = this.#failures > 0 ? 1 : gatewayLimits.publishesInFlightMax;
    while (this.#timer === undefined && this.#inFlight < room) {
      const message = this.#waiting.shift();
      if (!message) return;
      this.#inFlight += 1;
      this.#options.publish(message).then(
        () => this.#acknowledged(),
        (error: unknown) => this.#failed(message, error),
      );
    }
  }

  #acknowledged(): void {
    this.#inFlight -= 1;
    if (this.#failures > 0) this.#options.onOutage(undefined);
    this.#failures = 0;
    this.release();
    this.#pump();
  }

  #failed(message: PublishedPrediction, error: unknown): void {
    this.#inFlight -= 1;
    this.#waiting.push(message);
    if (this.#failures === 0) this.#options.onOutage(error);
    this.#failures += 1;
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        this.#pump();
      },
      Math.min(50 * 2 ** Math.min(this.#failures, 10), gatewayLimits.publishRetryDelayMsMax),
    );
  }
}

/**
 * Canonical ProtoJSON; rows are left out from the end where the whole would not fit a message, and all of them where
 * one of them cannot be written down: no request may end this process, nor end without an event.
 */
function bodyOf(prediction: Prediction): string {
  const body = jsonOf(prediction) ?? jsonOf({ ...prediction, rows: [] });
  assert(body !== undefined, 'a prediction without rows can be written down');
  if (Buffer.byteLength(body) <= gatewayLimits.predictionBytesMax || prediction.rows.length === 0)
    return body;
  return bodyOf({ ...prediction, rows: prediction.rows.slice(0, Math.floor(prediction.rows.length / 2)) });
}

/** Undefined where a value has no JSON: a number that is none, a time beyond the year 9999. */
function jsonOf(prediction: Prediction): string | undefined {
  try {
    return canonicalJson(toJson(PredictionSchema, prediction));
  } catch {
    return undefined;
  }
}
