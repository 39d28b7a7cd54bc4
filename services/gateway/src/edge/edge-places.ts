import { Placement } from '@perennial/contracts';
import { asPlatformError } from '@perennial/kernel';
import type { Tensor } from '@perennial/runtime';
import { placeOf } from '../fleet/decide/placement.js';
import type { WantedModel } from '../fleet/fleet.js';
import type { HeldModels } from '../fleet/statistics.js';
import type { InferOptions, Inferred, ModelAsked } from '../inference.js';
import type { CrashGuard } from './crash-guard.js';
import type { Edge } from './edge.js';

/** Failures one after the other, after which a model is given back to its pool for a while. */
const failuresMax = 3;
const awayMsMin = 30_000;
const awayMsMax = 30 * 60_000;

export interface EdgePlacesOptions {
  readonly edge: Edge;
  /** Keeps everything away after an unclean end of the process. */
  readonly guard: CrashGuard;
  /** A model moved, and why. */
  readonly onMoved: (model: WantedModel, place: 'edge' | 'pool', why: string) => void;
  /** It should run here and does not: the pool goes on with it. */
  readonly onRefused: (model: WantedModel, error: unknown) => void;
}

/**
 * Which models run here and which in their pools. A pool has every model, whether it runs here or not, so that a model
 * can leave at any moment: it answers here only once it is loaded here, and what fails here is asked of the pool.
 */
export class EdgePlaces {
  readonly #o: EdgePlacesOptions;
  /** Models that are kept away for a while after they failed here or took too long. Times on performance.now(). */
  readonly #away = new Map<string, { until: number; times: number }>();
  readonly #failures = new Map<string, number>();
  /** On their way here; and whether somebody wants them still. */
  readonly #taking = new Map<string, { isWanted: boolean }>();

  constructor(options: EdgePlacesOptions) {
    this.#o = options;
  }

  /** Puts a model where it belongs now; resolves when that is done. Never rejects: the pool can always go on. */
  async place(model: WantedModel): Promise<void> {
    const { edge } = this.#o;
    const { route, serve, pool, loaded } = model;
    const { digest } = route;
    const now = performance.now();
    const wanted = placeOf({
      asked: serve?.place ?? Placement.UNSPECIFIED,
      pool,
      costs: loaded?.costs ?? [],
      measuredHereUs: edge.batchUs(digest),
    });
    const isAway = (this.#away.get(digest)?.until ?? 0) > now || !this.#o.guard.mayRun(now);
    if (wanted === 'pool' && edge.serves(digest)) {
      if (serve?.place !== Placement.POOL) this.#keepAway(digest, now);
      edge.leave(digest);
      this.#o.onMoved(model, 'pool', 'placed so, or a batch costs too much here');
    } else if (wanted === 'edge' && loaded && !isAway && !edge.serves(digest)) await this.#take(model);
  }

  serves(digest: string): boolean {
    return this.#o.edge.serves(digest);
  }

  /** What runs here and what it does. */
  held(): HeldModels {
    return this.#o.edge.held();
  }

  /** The answer from here, or undefined where that failed and the pool is to be asked. Only for what serves() says. */
  async infer(
    model: ModelAsked,
    inputs: readonly Tensor[],
    options: InferOptions,
  ): Promise<Inferred | undefined> {
    const { digest } = model.route;
    try {
      const inferred = await this.#o.edge.infer(model, inputs, options);
      if (this.#failures.size > 0) this.#failures.delete(digest);
      return inferred;
    } catch (thrown) {
      if (isAnswer(thrown)) throw thrown;
      this.#failed(digest);
      return undefined;
    }
  }

  /** infer() without a promise, where a kernel answers at once; undefined where infer() must be asked. */
  inferNow(model: ModelAsked, inputs: readonly Tensor[], options: InferOptions): Inferred | undefined {
    // A run that fails is told and counted as infer() does it.
    try {
      return this.#o.edge.inferNow(model, inputs, options);
    } catch {
      return undefined;
    }
  }

  /** Nobody wants it any more. */
  forget(digest: string): void {
    const taking = this.#taking.get(digest);
    if (taking) taking.isWanted = false;
    this.#o.edge.leave(digest);
    this.#away.delete(digest);
    this.#failures.delete(digest);
  }

  async close(): Promise<void> {
    await this.#o.edge.close();
    this.#o.guard.end();
  }

  async #take(model: WantedModel): Promise<void> {
    const { edge, guard, onMoved, onRefused } = this.#o;
    const { name, route, serve } = model;
    const { version, digest, signature } = route;
    if (this.#taking.has(digest)) return;
    const taking = { isWanted: true };
    this.#taking.set(digest, taking);
    const { queueRowsMax = 0, preferredBatch = [] } = serve ?? {};
    guard.begin();
    try {
      await edge.take({ name, version, digest, signature, queueRowsMax, preferredBatch });
      if (!taking.isWanted) edge.leave(digest);
      else onMoved(model, 'edge', serve?.place === Placement.EDGE ? 'placed so' : 'a batch costs little');
    } catch (error) {
      this.#keepAway(digest, performance.now());
      onRefused(model, error);
    } finally {
      this.#taking.delete(digest);
    }
  }

  #failed(digest: string): void {
    const failures = (this.#failures.get(digest) ?? 0) + 1;
    this.#failures.set(digest, failures);
    if (failures < failuresMax) return;
    this.#failures.delete(digest);
    this.#keepAway(digest, performance.now());
    this.#o.edge.leave(digest);
  }

  #keepAway(digest: string, now: number): void {
    const times = (this.#away.get(digest)?.times ?? 0) + 1;
    this.#away.set(digest, { until: now + Math.min(awayMsMin * 2 ** (times - 1), awayMsMax), times });
  }
}

/** What the pool would say too: the request's own fault, or its time, or too many of them. */
function isAnswer(thrown: unknown): boolean {
  const { code, fault } = asPlatformError(thrown);
  if (/^(DEADLINE_EXCEEDED|CANCELLED|QUEUE_EXHAUSTED)$/.test(code)) return true;
  // A run that fails may fail because of where it runs.
  return fault === 'caller' && code !== 'MODEL_RUN_FAILED';
}
