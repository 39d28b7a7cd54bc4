import { invalid, PlatformError } from '@perennial/kernel';
import {
  bytesOf,
  joinRows,
  outputsOf,
  requestOf,
  rowsOf,
  shapeKey,
  splitRows,
  type Tensor,
} from '@perennial/runtime';
import { type Outcome, withinDeadline } from '../effects/gather.js';
import type { InferOptions, Inferred, ModelAsked } from '../inference.js';
import { gatewayLimits } from '../limits.js';
import { Pace } from './decide/pace.js';
import { type Answered, type Dispatch, type Job, LostWithReplicas } from './dispatch.js';
import { type Ask, Lane } from './lane.js';
import { fleetLimits } from './limits.js';
import type { Pool } from './pool.js';
import { exhausted, tooLate } from './replica.js';
import { Quarantine } from './suspects.js';

/** What the members of one gather have in common. */
interface Common {
  readonly model: ModelAsked;
  readonly pool: Pool;
  readonly priority: number;
  readonly share: string;
}

/**
 * Small requests to one model that come at the same time travel as one, as many at once as the pool runs batches. What
 * fails together is asked again one by one, so that a request harms nobody but itself.
 */
export class JointInference {
  readonly #dispatch: Dispatch;
  readonly #lanes = new Map<string, Lane>();
  /** Lanes of one caller to one model, by their keys: they differ in priority and shapes. */
  readonly #callers = new Map<string, Map<string, Lane>>();
  readonly #paces = new Map<string, Pace>();
  #bytes = 0;
  #shed = 0;
  readonly #quarantine = new Quarantine({
    keptMs: fleetLimits.quarantineMs,
    max: fleetLimits.quarantineMax,
  });

  constructor(dispatch: Dispatch) {
    this.#dispatch = dispatch;
  }

  /** @throws PlatformError QUEUE_EXHAUSTED, REQUEST_QUARANTINED, and as Dispatch.run */
  async infer(
    model: ModelAsked,
    pool: Pool,
    columns: readonly Tensor[],
    isBatchable: boolean,
    { deadlineAt, priority = 0, share = '', signal, traceparent }: InferOptions,
  ): Promise<Inferred> {
    const traceparents = traceparent ? [traceparent] : [];
    const ask = { columns, rows: rowsOf(columns), deadlineAt, signal, traceparents };
    const common = { model, pool, priority, share };
    this.#refuseQuarantined(model, columns);
    const isAlone =
      !isBatchable || model.serve?.rowByRow === true || ask.rows > gatewayLimits.jointRequestRowsMax;
    if (isAlone) return this.#one(common, ask, 0);
    const key = `${pool.name} ${model.route.digest} ${model.name} ${model.route.version} ${priority} ${share} ${shapeKey(columns)}`;
    const known = this.#lanes.get(key);
    const lane = known && known.serve === model.serve ? known : this.#open(key, common);
    const bytes = bytesOf(columns);
    if (this.#bytes > 0 && this.#bytes + bytes > fleetLimits.waitingBytesMax) throw noRoom();
    this.#bytes += bytes;
    try {
      return await withinDeadline(lane.ask(ask), deadlineAt, () => tooLate(!pool.isEmpty));
    } finally {
      this.#bytes -= bytes;
    }
  }

  /**
   * Whether a request of this caller is worth reading: not where all that it asked of this model of late would be refused
   * now. Some are read all the same, for they may allow more time than those before.
   *
   * @throws PlatformError QUEUE_EXHAUSTED
   */
  checkRoom(pool: Pool, digest: string, share: string): void {
    if (this.#bytes > fleetLimits.waitingBytesMax) throw noRoom();
    const lanes = this.#callers.get(callerKey(pool, digest, share));
    if (!lanes) return;
    const now = performance.now();
    let why: string | undefined;
    for (const lane of lanes.values()) {
      why = lane.refusesAll(now);
      if (why === undefined) return;
    }
    if (why === undefined) return;
    this.#shed = (this.#shed + 1) % fleetLimits.shedReadEvery;
    if (this.#shed !== 0) throw exhausted(why, gatewayLimits.gatherPatienceMs);
  }

  /** Nobody wants the model any more. */
  forget(digest: string): void {
    for (const key of this.#paces.keys()) if (key.endsWith(` ${digest}`)) this.#paces.delete(key);
    this.#forgetIdle();
  }

  #open(key: string, common: Common): Lane {
    const { pool, model, share } = common;
    if (this.#lanes.size >= fleetLimits.lanesMax) this.#forgetIdle();
    const { digest } = model.route;
    const lane = new Lane({
      pool,
      pace: this.#paceOf(`${pool.name} ${digest}`),
      serve: model.serve,
      call: (asks) => this.#call(common, asks),
    });
    this.#lanes.set(key, lane);
    const caller = callerKey(pool, digest, share);
    let lanes = this.#callers.get(caller);
    if (!lanes) {
      lanes = new Map();
      this.#callers.set(caller, lanes);
    }
    lanes.set(key, lane);
    return lane;
  }

  #paceOf(key: string): Pace {
    let pace = this.#paces.get(key);
    if (!pace) {
      pace = new Pace();
      this.#paces.set(key, pace);
    }
    return pace;
  }

  #forgetIdle(): void {
    for (const [key, lane] of this.#lanes) if (lane.isIdle) this.#lanes.delete(key);
    for (const [caller, lanes] of this.#callers) {
      for (const [key, lane] of lanes) if (lane.isIdle) lanes.delete(key);
      if (lanes.size === 0) this.#callers.delete(caller);
    }
  }

  async #call(common: Common, asks: readonly Ask[]): Promise<readonly Outcome<Inferred>[]> {
    const [first] = asks;
    if (asks.length === 1 && first) return [await this.#alone(common, first, 0)];
    try {
      return await this.#together(common, asks);
    } catch (error) {
      // A full replica would refuse them one by one too, and each would be work for it.
      if (isOverload(error)) return asks.map(() => ({ error }));
      const losses = error instanceof LostWithReplicas ? 1 : 0;
      return Promise.all(asks.map((ask) => this.#alone(common, ask, losses)));
    }
  }

  async #together(common: Common, asks: readonly Ask[]): Promise<Outcome<Inferred>[]> {
    const all = {
      columns: joinRows(asks.map(({ columns }) => columns)),
      rows: asks.reduce((sum, { rows }) => sum + rows, 0),
      deadlineAt: Math.max(...asks.map(({ deadlineAt }) => deadlineAt)),
      signal: undefined,
      traceparents: asks.flatMap(({ traceparents }) => traceparents),
    };
    // Lost once, it is not sent again whole: one of them may be what brings replicas down.
    const answered = await this.#dispatch.run(jobOf(common, all, { losses: 0, lossesMax: 1 }));
    const { outputs, ...how } = inferredOf(answered);
    const parts = splitRows(
      outputs,
      asks.map(({ rows }) => rows),
    );
    return parts.map((part) => ({ answer: { ...how, outputs: part } }));
  }

  async #alone(common: Common, ask: Ask, losses: number): Promise<Outcome<Inferred>> {
    try {
      return { answer: await this.#one(common, ask, losses) };
    } catch (error) {
      return { error };
    }
  }

  async #one(common: Common, ask: Ask, losses: number): Promise<Inferred> {
    const job = jobOf(common, ask, { losses, lossesMax: fleetLimits.lossesMax });
    try {
      return inferredOf(await this.#dispatch.run(job));
    } catch (thrown) {
      if (!(thrown instanceof LostWithReplicas)) throw thrown;
      this.#quarantine.add(job.digest, job.request.rawInputContents, performance.now());
      throw quarantined();
    }
  }

  #refuseQuarantined({ name, route }: ModelAsked, columns: readonly Tensor[]): void {
    const contents = () =>
      requestOf(columns, { modelName: name, modelVersion: String(route.version) }).rawInputContents;
    if (this.#quarantine.holds(route.digest, contents, performance.now())) throw quarantined();
  }
}

function jobOf(
  { model, pool, priority, share }: Common,
  { columns, rows, deadlineAt, signal, traceparents }: Ask,
  losses: { losses: number; lossesMax: number },
): Job {
  const { name, route, serve } = model;
  return {
    digest: route.digest,
    signature: route.signature,
    pool,
    request: requestOf(columns, { modelName: name, modelVersion: String(route.version) }),
    rows,
    deadlineAt,
    priority,
    share,
    alone: serve?.rowByRow ?? false,
    hedge: serve?.hedge ?? false,
    signal,
    traceparents,
    ...losses,
  };
}

function inferredOf({ response, replica }: Answered): Inferred {
  const { outcome, queueUs, computeUs, batchId, batchRows } = response;
  if (outcome.case !== 'response') throw new Error('only answers come here');
  return { outputs: outputsOf(outcome.value), replica, queueUs, computeUs, batchId, batchRows };
}

function quarantined(): PlatformError {
  return invalid(
    'REQUEST_QUARANTINED',
    `inference went down ${fleetLimits.lossesMax} times with this request in hand; it is refused for some minutes: send other values, and tell the operator`,
  );
}

function isOverload(thrown: unknown): boolean {
  return thrown instanceof PlatformError && /^(QUEUE_EXHAUSTED|DEADLINE_EXCEEDED)$/.test(thrown.code);
}

function callerKey(pool: Pool, digest: string, share: string): string {
  return `${pool.name} ${digest} ${share}`;
}

function noRoom(): PlatformError {
  return exhausted('inputs that wait take all the memory that there is for them', 1_000);
}
