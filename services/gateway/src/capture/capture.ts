import { CaptureLevel, type Route, RouteRole } from '@perennial/contracts';
import { asPlatformError, type Clock, uuidv7 } from '@perennial/kernel';
import type { Ask } from '../ask.js';
import type { Deployments, Serving } from '../deployments.js';
import type { PredictionSpool } from '../effects/prediction-spool.js';
import { Budget } from '../fleet/decide/budget.js';
import { gatewayLimits } from '../limits.js';
import { Recording } from '../recording.js';
import { isDrawn } from './is-drawn.js';

export interface CaptureOptions {
  readonly deployments: Pick<Deployments, 'current' | 'newest' | 'source'>;
  readonly spool: PredictionSpool;
  readonly clock: Clock;
  readonly watch: CaptureWatch;
}

function isOnTrial({ role, standing }: Route): boolean {
  return role === RouteRole.CANARY || (role === RouteRole.SHADOW && !standing);
}

/** Told of every request; of those that nobody knows the system of, too. */
export interface CaptureWatch {
  came(recording: Recording): void;
  /** The client has its answer. */
  ended(recording: Recording, isKnown: boolean): void;
}

/**
 * Sees to it that every request of a known system ends in exactly one event or in exactly one count, whatever its
 * status, and that no answer waits for either.
 */
export class Capture {
  readonly #options: CaptureOptions;
  /** Under overload most requests are shed; their events would take from those that are answered. */
  readonly #refusals = new Budget({
    share: 0,
    perSecond: gatewayLimits.refusalsKeptPerSecond,
    kept: gatewayLimits.refusalsKeptPerSecond,
  });

  constructor(options: CaptureOptions) {
    this.#options = options;
  }

  /** Begins a request; `end` must follow, once. */
  begin(ask: Pick<Ask, 'system' | 'transport' | 'caller'>): Recording {
    const { clock } = this.#options;
    const recording = new Recording({
      predictionId: uuidv7(clock),
      system: ask.system,
      transport: ask.transport,
      receivedAtMs: clock.now(),
      caller: ask.caller?.name ?? '',
    });
    this.#options.watch.came(recording);
    return recording;
  }

  /** @throws PlatformError SPOOL_EXHAUSTED where its event would find no room; nothing is worth reading then */
  checkRoom(): void {
    this.#options.spool.checkRoom();
  }

  /**
   * The request has been read and takes a place: who sends slowly holds none meanwhile, and keeps nothing from being
   * settled.
   *
   * @throws PlatformError SPOOL_EXHAUSTED
   */
  admit(recording: Recording): void {
    this.#options.spool.admit();
    recording.isAdmitted = true;
  }

  /** Notes what serves the request, and what of it is kept. */
  use(recording: Recording, { deployment }: Serving): void {
    recording.deployment = deployment.deployment;
    recording.epoch = deployment.epoch;
    recording.isImported = deployment.specJson === '';
    const { capture = CaptureLevel.UNSPECIFIED, captureShare = 0 } = deployment.serve ?? {};
    // A candidate is judged by what it answers: while it is on trial everything is kept.
    const isTrial = deployment.routes.some(isOnTrial);
    recording.level = isTrial || capture === CaptureLevel.UNSPECIFIED ? CaptureLevel.FULL : capture;
    recording.isDrawn = isTrial || isDrawn(recording.predictionId, captureShare);
  }

  failed(recording: Recording, thrown: unknown): void {
    recording.end(asPlatformError(thrown).code);
  }

  /** The client has its answer or its error: the recording becomes an event or a count. */
  end(recording: Recording): void {
    const { deployments, spool, watch } = this.#options;
    const { system, status } = recording;
    const isKnown = status === 'OK' || deployments.source(system) !== undefined;
    watch.ended(recording, isKnown);
    if (!isKnown) {
      this.#release(recording);
      return;
    }
    if (recording.epoch === 0n) this.#useCurrent(recording);
    const isKept = recording.level !== CaptureLevel.NONE && recording.isDrawn;
    const isShed = recording.isShed && !this.#refusals.spend(performance.now());
    if (!isKept || isShed || !this.#hasPlace(recording)) {
      spool.count(recording);
      this.#release(recording);
      return;
    }
    const { shadows } = recording;
    if (shadows) void shadows.then(() => spool.add(recording));
    else spool.add(recording);
  }

  /** What failed before it was known who serves it is kept as that deployment wants it. */
  #useCurrent(recording: Recording): void {
    const { deployments } = this.#options;
    const serving = deployments.current(recording.system);
    if (serving) this.use(recording, serving);
    // A model that was brought by itself is one before it is served, too: the monitor is to expect no system of its name.
    else recording.isImported = deployments.newest(recording.system)?.specJson === '';
  }

  /** A request that failed before it was read has no place yet; where there is none left it is only counted. */
  #hasPlace(recording: Recording): boolean {
    if (recording.isAdmitted) return true;
    try {
      this.admit(recording);
      return true;
    } catch {
      return false;
    }
  }

  #release(recording: Recording): void {
    if (recording.isAdmitted) this.#options.spool.release();
  }
}
