import { type CaptureLevel, predictionSubject } from '@perennial/contracts';
import { type Clock, PlatformError, uuidv7 } from '@perennial/kernel';
import { countJson } from '../capture/prediction-json.js';
import { gatewayLimits } from '../limits.js';

/** One message of the bus: a PredictionBatch of one deployment. */
export interface PublishedBatch {
  readonly subject: string;
  /** The first prediction's id and how many there are: the same however often it is published. */
  readonly id: string;
  readonly body: Buffer;
}

/** A request that is over. */
export interface Ended {
  readonly deployment: string;
  readonly level: CaptureLevel;
  readonly isImported: boolean;
}

/** One that becomes an event. */
export interface Spooled extends Ended {
  readonly predictionId: string;
  /** ProtoJSON of a Prediction. */
  body(notCaptured: number): string;
}

export interface SpoolOptions {
  readonly tenant: string;
  readonly clock: Clock;
  /** Resolves when the bus has acknowledged it; publishing the same id again changes nothing. */
  readonly publish: (batch: PublishedBatch) => Promise<void>;
  /** Told once when publishing begins to fail, and once when it works again. */
  readonly onOutage: (error: unknown | undefined) => void;
}

/** What one deployment told since its last message. */
interface Open {
  readonly deployment: string;
  /** The last of those that were only counted. */
  ended: Ended | undefined;
  /** Not written down yet. */
  recorded: Spooled[];
  texts: string[];
  bytes: number;
  firstId: string;
  /** Requests that are only counted, since the last event. */
  counted: number;
}

interface Sealed extends PublishedBatch {
  readonly count: number;
  readonly bytes: number;
}

/**
 * Holds prediction events until the bus has acknowledged them, through outages of any length. What comes within some
 * milliseconds shares a message, one for each deployment: an acknowledgement costs more than an inference. Bounded in
 * events and bytes: past the bounds, requests are refused rather than answered without a trace.
 */
export class PredictionSpool {
  /** For metrics. */
  readonly totals = { events: 0, messages: 0, counted: 0, refused: 0 };
  readonly #options: SpoolOptions;
  readonly #open = new Map<string, Open>();
  /** Those that hold counts no event has carried yet. */
  readonly #counting = new Set<Open>();
  #sealed: Sealed[] = [];
  #admitted = 0;
  #bytes = 0;
  /** Of these, those that are written down and in no message yet. */
  #unsealedBytes = 0;
  #inFlight = 0;
  #failures = 0;
  #writtenAt = Number.NEGATIVE_INFINITY;
  #isScheduled = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #countTimer: NodeJS.Timeout | undefined;
  #whenEmpty: (() => void)[] = [];

  constructor(options: SpoolOptions) {
    this.#options = options;
  }

  /** Requests in hand, events that are not acknowledged yet, and deployments with counts to be told. */
  get size(): number {
    return this.#admitted + this.#counting.size;
  }

  /**
   * Takes a place for one request; `add`, `count` or `release` gives it back in the end.
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
    const { spooledPredictionsMax, spooledBytesMax } = gatewayLimits;
    if (this.#admitted < spooledPredictionsMax && this.#bytes < spooledBytesMax) return;
    this.totals.refused += 1;
    throw new PlatformError(
      'SPOOL_EXHAUSTED',
      'dependency',
      'after',
      `${this.#admitted} predictions wait for the event bus; ask again when it is back`,
      { retryAfterMs: 1_000 },
    );
  }

  /** Gives places back without an event. */
  release(places = 1): void {
    this.#admitted -= places;
    if (this.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  /** Publishes the event of an admitted request, as often as it takes. */
  add(recorded: Spooled): void {
    this.#openOf(recorded.deployment).recorded.push(recorded);
    this.#schedule();
  }

  /** Counts a request without an event; the next event of its deployment says how many there were. */
  count(ended: Ended): void {
    const open = this.#openOf(ended.deployment);
    open.ended = ended;
    open.counted += 1;
    this.totals.counted += 1;
    this.#counting.add(open);
    this.#countTimer ??= setTimeout(() => this.#tellCounts(), gatewayLimits.countsToldMs);
  }

  /** Resolves when everything is acknowledged, or after `withinMs`; says whether it is. */
  async drain(withinMs: number): Promise<boolean> {
    this.#tellCounts();
    this.#write();
    if (this.size === 0) return true;
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([
      new Promise<void>((resolve) => this.#whenEmpty.push(resolve)),
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, withinMs);
      }),
    ]);
    clearTimeout(timer);
    return this.size === 0;
  }

  #openOf(deployment: string): Open {
    let open = this.#open.get(deployment);
    if (!open) {
      open = { deployment, ended: undefined, recorded: [], texts: [], bytes: 0, firstId: '', counted: 0 };
      this.#open.set(deployment, open);
    }
    return open;
  }

  /** At the end of this turn where the last message is old enough; so a lone event does not wait. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const write = () => {
      this.#isScheduled = false;
      this.#write();
    };
    const leftMs = this.#writtenAt + gatewayLimits.eventsGatheredMs - performance.now();
    if (leftMs <= 0) setImmediate(write);
    else setTimeout(write, leftMs);
  }

  #write(): void {
    this.#writtenAt = performance.now();
    for (const open of this.#open.values()) {
      const { recorded } = open;
      open.recorded = [];
      for (const one of recorded) this.#writeDown(open, one.predictionId, one.body(this.#takeCount(open)));
    }
    this.#pump();
  }

  #writeDown(open: Open, predictionId: string, text: string): void {
    const bytes = Buffer.byteLength(text) + 1;
    if (open.texts.length > 0 && open.bytes + bytes > gatewayLimits.predictionBytesMax) this.#seal(open);
    if (open.texts.length === 0) open.firstId = predictionId;
    open.texts.push(text);
    open.bytes += bytes;
    this.#bytes += bytes;
    this.#unsealedBytes += bytes;
    this.totals.events += 1;
  }

  #takeCount(open: Open): number {
    const { counted } = open;
    if (counted === 0) return 0;
    open.counted = 0;
    this.#counting.delete(open);
    return counted;
  }

  /** Counts that no event came to carry get one that stands for no request. */
  #tellCounts(): void {
    clearTimeout(this.#countTimer);
    this.#countTimer = undefined;
    const { clock } = this.#options;
    for (const open of this.#counting) {
      const { ended } = open;
      if (open.recorded.length > 0 || !ended) continue;
      const predictionId = uuidv7(clock);
      const count = this.#takeCount(open);
      this.#admitted += 1;
      const { deployment, level, isImported } = ended;
      const body = countJson({ predictionId, deployment, level, isImported, nowMs: clock.now(), count });
      this.#writeDown(open, predictionId, body);
    }
    this.#schedule();
  }

  #seal(open: Open): void {
    const { deployment, texts, bytes, firstId } = open;
    this.#sealed.push({
      subject: predictionSubject(this.#options.tenant, deployment),
      id: `${firstId}+${texts.length}`,
      body: bodyOf(texts, bytes),
      count: texts.length,
      bytes,
    });
    this.#unsealedBytes -= bytes;
    open.texts = [];
    open.bytes = 0;
  }

  #pump(): void {
    if (this.#retryTimer !== undefined) return;
    // After a failure one message at a time tries whether the bus is back.
    const room = this.#failures > 0 ? 1 : gatewayLimits.publishesInFlightMax;
    for (const open of this.#open.values()) {
      if (this.#inFlight + this.#sealed.length >= room) break;
      if (open.texts.length > 0) this.#seal(open);
      else if (open.recorded.length === 0 && open.counted === 0) this.#open.delete(open.deployment);
    }
    while (this.#inFlight < room) {
      const batch = this.#sealed.shift();
      if (!batch) return;
      this.#inFlight += 1;
      this.totals.messages += 1;
      this.#options.publish(batch).then(
        () => this.#acknowledged(batch),
        (error: unknown) => this.#failed(batch, error),
      );
    }
  }

  #acknowledged({ count, bytes }: Sealed): void {
    this.#inFlight -= 1;
    this.#bytes -= bytes;
    if (this.#failures > 0) this.#options.onOutage(undefined);
    this.#failures = 0;
    this.release(count);
    // What came meanwhile goes by the clock; only what a full window kept back goes now.
    if (this.#sealed.length > 0) this.#pump();
    else if (this.#unsealedBytes > 0) this.#schedule();
  }

  #failed(batch: Sealed, error: unknown): void {
    this.#inFlight -= 1;
    this.#sealed.unshift(batch);
    if (this.#failures === 0) this.#options.onOutage(error);
    this.#failures += 1;
    this.#retryTimer ??= setTimeout(
      () => {
        this.#retryTimer = undefined;
        this.#pump();
      },
      Math.min(50 * 2 ** Math.min(this.#failures, 10), gatewayLimits.publishRetryDelayMsMax),
    );
  }
}

const first = '{"predictions":[';
const last = ']}';

/** Each text is written down once, where joining them would copy all of them twice. `bytes` counts them with a comma. */
function bodyOf(texts: readonly string[], bytes: number): Buffer {
  const body = Buffer.allocUnsafeSlow(first.length + bytes - 1 + last.length);
  let to = body.write(first, 'latin1');
  for (let at = 0; at < texts.length; at++) {
    if (at > 0) to += body.write(',', to, 'latin1');
    to += body.write(texts[at] as string, to);
  }
  body.write(last, to, 'latin1');
  return body;
}
