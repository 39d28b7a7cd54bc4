import { invalid, PlatformError } from '@perennial/kernel';
import {
  type Cancellation,
  joinRows,
  outputsOf,
  requestOf,
  rowsOf,
  shapeKey,
  splitRows,
  type Tensor,
} from '@perennial/runtime';
import { Gather, type Outcome, withinDeadline } from '../effects/gather.js';
import type { InferOptions, Inferred, ModelAsked } from '../inference.js';
import { gatewayLimits } from '../limits.js';
import { type Answered, cancelled, type Dispatch, type Job, LostWithReplicas } from './dispatch.js';
import { fleetLimits } from './limits.js';
import type { Pool } from './pool.js';
import { tooLate } from './replica.js';
import { Quarantine } from './suspects.js';

interface Ask {
  readonly columns: readonly Tensor[];
  readonly rows: number;
  /** On performance.now(). */
  readonly deadlineAt: number;
  readonly signal: Cancellation | undefined;
  readonly traceparents: readonly string[];
}

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
  readonly #gathers = new Map<string, Gather<Ask, Inferred>>();
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
    let gather = this.#gathers.get(key);
    if (!gather) {
      gather = this.#gatherOf(key, common);
      this.#gathers.set(key, gather);
    }
    const rowsMax = model.serve?.queueRowsMax || fleetLimits.waitingRowsMax;
    // Where nobody is there the pool has counted them already.
    if (gather.size > 0 && gather.size + ask.rows > rowsMax && !pool.isEmpty) throw tooMany(gather.size);
    return withinDeadline(gather.ask(ask), deadlineAt, () => tooLate(!pool.isEmpty));
  }

  #gatherOf(key: string, common: Common): Gather<Ask, Inferred> {
    const gather: Gather<Ask, Inferred> = new Gather({
      onIdle: () => {
        if (this.#gathers.get(key) === gather) this.#gathers.delete(key);
      },
      sizeOf: ({ rows }) => rows,
      sizeMax: gatewayLimits.jointRowsMax,
      patienceMs: gatewayLimits.gatherPatienceMs,
      callsMax: () => common.pool.slots,
      refusal: ({ deadlineAt, signal }) => {
        if (signal?.aborted) return cancelled();
        return deadlineAt <= performance.now() ? tooLate() : undefined;
      },
      call: async (asks) => {
        const [first] = asks;
        if (asks.length === 1 && first) return [await this.#alone(common, first, 0)];
        try {
          return await this.#together(common, asks);
        } catch (thrown) {
          const losses = thrown instanceof LostWithReplicas ? 1 : 0;
          return Promise.all(asks.map((ask) => this.#alone(common, ask, losses)));
        }
      },
    });
    return gather;
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

function tooMany(rows: number): PlatformError {
  return new PlatformError(
    'QUEUE_EXHAUSTED',
    'dependency',
    'after',
    `Exceeds maximum queue size: ${rows} rows wait for this model already; send fewer at a time, or again later`,
    { retryAfterMs: 200 },
  );
}
