import { assert } from '@perennial/kernel';
import { type Kysely, type Selectable, sql, type Transaction } from 'kysely';
import type { Decision } from './decide/decision.js';
import { deploymentOf } from './decide/deployment.js';
import { modelOf, type Rollout, type SystemState, type Verified } from './decide/state.js';
import { DeploymentRows } from './deployment-rows.js';
import type { SystemSettings } from './plan-of.js';
import {
  declaredFrom,
  modelFrom,
  modelRow,
  pendingRunFrom,
  pendingRunRow,
  rolloutFrom,
  rolloutRow,
} from './rows.js';
import type { SystemTable, Tables } from './tables.js';
import { TestLeases } from './test-leases.js';

export type Db = Kysely<Tables> | Transaction<Tables>;

/** Which fact moved a rollout; kept so that what follows later has its cause. */
export interface Cause {
  correlationId?: string | undefined;
  causationId?: string | undefined;
}

type SystemRow = Selectable<SystemTable>;

/** The only SQL of this service, for one tenant, on a connection or inside a transaction. */
export class Store {
  readonly #db: Db;
  readonly #tenant: string;
  readonly #settingsOf: (specJson: string) => SystemSettings;

  constructor(db: Db, tenant: string, settingsOf: (specJson: string) => SystemSettings) {
    this.#db = db;
    this.#tenant = tenant;
    this.#settingsOf = settingsOf;
  }

  /**
   * The system with all that decisions depend on; locked until the transaction ends. Of the predictions already seen
   * only those among `predictionIds` are loaded.
   */
  async load(system: string, predictionIds: readonly string[] = []): Promise<SystemState | undefined> {
    const row = await this.#db
      .selectFrom('system')
      .where('tenant', '=', this.#tenant)
      .selectAll()
      .where('name', '=', system)
      .forUpdate()
      .executeTakeFirst();
    return row && this.#state(row, predictionIds);
  }

  /** Takes the lock of `load` alone, where another row must be locked after it. */
  async lock(system: string): Promise<void> {
    await this.#db
      .selectFrom('system')
      .select('name')
      .where('tenant', '=', this.#tenant)
      .where('name', '=', system)
      .forUpdate()
      .execute();
  }

  /** The same without the lock, for answering questions. */
  async peek(system: string): Promise<SystemState | undefined> {
    const row = await this.#db
      .selectFrom('system')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .where('name', '=', system)
      .executeTakeFirst();
    return row && this.#state(row, []);
  }

  async #state(row: SystemRow, predictionIds: readonly string[]): Promise<SystemState> {
    const system = row.name;
    const [models, runs, rollouts, epoch, verified] = [
      await this.#db
        .selectFrom('model_version')
        .where('tenant', '=', this.#tenant)
        .selectAll()
        .where('system', '=', system)
        .orderBy('version')
        .execute(),
      await this.#db
        .selectFrom('pending_run')
        .where('tenant', '=', this.#tenant)
        .selectAll()
        .where('system', '=', system)
        .execute(),
      await this.#db
        .selectFrom('rollout')
        .where('tenant', '=', this.#tenant)
        .select(['rollout_id', 'ended_at'])
        .where('system', '=', system)
        .execute(),
      await new DeploymentRows(this.#db, this.#tenant).epochOf(system),
      await this.verified(row.source),
    ];
    const inFlight = rollouts.find((rollout) => rollout.ended_at === null)?.rollout_id;
    return {
      ...this.#settingsOf(row.spec_json),
      system,
      version: row.version,
      specJson: row.spec_json,
      verified,
      firstTriedWith: Number(row.first_tried_with),
      heldAt: row.held_at?.getTime(),
      champion: row.champion ?? undefined,
      history: row.history,
      shadows: row.shadows,
      declared: declaredFrom(row.declared),
      epoch,
      models: models.map(modelFrom),
      pendingRuns: Object.fromEntries(runs.map((run) => [run.run_id, pendingRunFrom(run)])),
      rolloutIds: rollouts.map((rollout) => rollout.rollout_id),
      rollout: inFlight === undefined ? undefined : await this.#rollout(inFlight, predictionIds),
    };
  }

  async #rollout(rolloutId: string, predictionIds: readonly string[]): Promise<Rollout> {
    const row = await this.#db
      .selectFrom('rollout')
      .where('tenant', '=', this.#tenant)
      .selectAll()
      .where('rollout_id', '=', rolloutId)
      .executeTakeFirstOrThrow();
    const seen = predictionIds.length
      ? await this.#db
          .selectFrom('seen_prediction')
          .where('tenant', '=', this.#tenant)
          .select('prediction_id')
          .where('rollout_id', '=', rolloutId)
          .where(sql<boolean>`prediction_id = any(${predictionIds}::text[])`)
          .execute()
      : [];
    return rolloutFrom(row, new Set(seen.map((prediction) => prediction.prediction_id)));
  }

  /** Writes what a decision changed. `before` is the state that was loaded in this transaction. */
  async save(before: SystemState, decision: Decision, cause: Cause, now: number): Promise<void> {
    const after = decision.state;
    await this.#saveSystem(before, after);
    await this.#saveModels(before, after);
    await this.#saveRuns(before, after);
    for (const rollout of decision.ended) await this.#endRollout(after.system, rollout, cause);
    if (after.rollout && after.rollout !== before.rollout) {
      await this.#saveRollout(after.system, after.rollout, before.rollout, cause);
    }
    if (after.epoch !== before.epoch) {
      const { until } = after.verified;
      const since = { now, dataTime: until === 0 ? undefined : until };
      const rows = new DeploymentRows(this.#db, this.#tenant);
      await rows.save(deploymentOf(after), before.epoch, since);
    }
    for (const effect of decision.effects) {
      const tests = new TestLeases(this.#db, this.#tenant);
      if (effect.kind === 'drop-test') await tests.drop(effect.rolloutId);
      else await tests.add(after, effect.rolloutId, effect.version, now);
    }
  }

  async #saveSystem(before: SystemState, after: SystemState): Promise<void> {
    const isSame =
      before.heldAt === after.heldAt &&
      before.champion === after.champion &&
      before.history === after.history &&
      before.shadows === after.shadows &&
      before.declared === after.declared &&
      before.firstTriedWith === after.firstTriedWith;
    if (isSame) return;
    await this.#db
      .updateTable('system')
      .set({
        held_at: after.heldAt === undefined ? null : new Date(after.heldAt),
        champion: after.champion ?? null,
        history: [...after.history],
        shadows: [...after.shadows],
        declared: JSON.stringify(after.declared),
        first_tried_with: after.firstTriedWith,
      })
      .where('tenant', '=', this.#tenant)
      .where('name', '=', after.system)
      .execute();
  }

  async #saveModels(before: SystemState, after: SystemState): Promise<void> {
    for (const model of after.models) {
      const known = modelOf(before, model.version);
      if (!known) {
        await this.#db
          .insertInto('model_version')
          .values(modelRow(this.#tenant, after.system, model))
          .execute();
      }
      if (!known || (known.tested === model.tested && known.signature === model.signature)) continue;
      await this.#db
        .updateTable('model_version')
        .set({ tested: model.tested, test_reason: model.testReason, signature: model.signature })
        .where('tenant', '=', this.#tenant)
        .where('system', '=', after.system)
        .where('version', '=', model.version)
        .execute();
    }
  }

  async #saveRuns(before: SystemState, after: SystemState): Promise<void> {
    for (const runId of Object.keys(before.pendingRuns)) {
      if (after.pendingRuns[runId]) continue;
      await this.#db
        .deleteFrom('pending_run')
        .where('tenant', '=', this.#tenant)
        .where('run_id', '=', runId)
        .execute();
    }
    for (const [runId, run] of Object.entries(after.pendingRuns)) {
      if (before.pendingRuns[runId] === run) continue;
      const columns = pendingRunRow(run);
      await this.#db
        .insertInto('pending_run')
        .values({ tenant: this.#tenant, run_id: runId, system: after.system, ...columns })
        .onConflict((conflict) => conflict.columns(['tenant', 'run_id']).doUpdateSet(columns))
        .execute();
    }
  }

  async #saveRollout(
    system: string,
    rollout: Rollout,
    before: Rollout | undefined,
    cause: Cause,
  ): Promise<void> {
    // A rollout that only counted was moved by no fact of its own.
    const moved = rollout.phase !== before?.phase || rollout.rolloutId !== before.rolloutId;
    const columns = { ...rolloutRow(rollout), ...(moved && causeColumns(cause)) };
    await this.#db
      .insertInto('rollout')
      .values({
        tenant: this.#tenant,
        rollout_id: rollout.rolloutId,
        system,
        trigger: rollout.trigger,
        review_id: rollout.reviewId,
        plan: JSON.stringify(rollout.plan),
        requested_at: new Date(rollout.requestedAt),
        ...columns,
      })
      .onConflict((conflict) => conflict.columns(['tenant', 'rollout_id']).doUpdateSet(columns))
      .execute();
    const known = before?.rolloutId === rollout.rolloutId ? before.seen : new Set<string>();
    const added = [...rollout.seen].filter((id) => !known.has(id));
    if (added.length === 0) return;
    // One parameter however many there are: a backlog has more of them than a statement may have parameters.
    await sql`insert into seen_prediction (tenant, rollout_id, prediction_id)
      select ${this.#tenant}, ${rollout.rolloutId}, unnest(${added}::text[])
      on conflict do nothing`.execute(this.#db);
  }

  /** Before any insert, so that the index of rollouts in flight never sees two. */
  async #endRollout(system: string, rollout: Rollout, cause: Cause): Promise<void> {
    const ended = await this.#db
      .updateTable('rollout')
      .set({ ...rolloutRow(rollout), ...causeColumns(cause) })
      .where('tenant', '=', this.#tenant)
      .where('rollout_id', '=', rollout.rolloutId)
      .where('ended_at', 'is', null)
      .executeTakeFirst();
    assert(ended.numUpdatedRows === 1n, `rollout ${rollout.rolloutId} of ${system} ends once`);
    await this.#db
      .deleteFrom('seen_prediction')
      .where('tenant', '=', this.#tenant)
      .where('rollout_id', '=', rollout.rolloutId)
      .execute();
  }

  /** Writes a version of a system.yaml; the first one makes the system. */
  async apply(
    row: Pick<SystemRow, 'name' | 'version' | 'source' | 'spec_json' | 'spec_digest'>,
    appliedBy: string,
    now: number,
  ): Promise<void> {
    const { name, ...columns } = row;
    await this.#db
      .insertInto('system')
      .values({
        tenant: this.#tenant,
        name,
        ...columns,
        held_at: null,
        champion: null,
        history: [],
        shadows: [],
        first_tried_with: 0,
      })
      .onConflict((conflict) => conflict.columns(['tenant', 'name']).doUpdateSet(columns))
      .execute();
    await this.#db
      .insertInto('system_version')
      .values({
        tenant: this.#tenant,
        system: name,
        version: row.version,
        spec_json: row.spec_json,
        spec_digest: row.spec_digest,
        applied_by: appliedBy,
        applied_at: new Date(now),
      })
      .execute();
  }

  async verified(source: string): Promise<Verified> {
    const row = await this.#db
      .selectFrom('verified_count')
      .where('tenant', '=', this.#tenant)
      .select(['rows', 'labels', 'event_time_max'])
      .where('source', '=', source)
      .executeTakeFirst();
    return {
      rows: Number(row?.rows ?? 0),
      labels: Number(row?.labels ?? 0),
      until: row?.event_time_max?.getTime() ?? 0,
    };
  }

  /** Adds to a source's counts and names the systems of it that still have no champion. */
  async addVerified(source: string, { rows, labels, until }: Verified): Promise<string[]> {
    const reached = until === 0 ? null : new Date(until);
    await this.#db
      .insertInto('verified_count')
      .values({ tenant: this.#tenant, source, rows, labels, event_time_max: reached })
      .onConflict((conflict) =>
        conflict.columns(['tenant', 'source']).doUpdateSet((set) => ({
          rows: set('verified_count.rows', '+', rows),
          labels: set('verified_count.labels', '+', labels),
          event_time_max: set.fn('greatest', ['verified_count.event_time_max', set.val(reached)]),
        })),
      )
      .execute();
    const waiting = await this.#db
      .selectFrom('system')
      .where('tenant', '=', this.#tenant)
      .select('name')
      .where('source', '=', source)
      .where('champion', 'is', null)
      .orderBy('name')
      .execute();
    return waiting.map((system) => system.name);
  }
}

function causeColumns({ correlationId, causationId }: Cause) {
  return { correlation_id: correlationId ?? null, causation_id: causationId ?? null };
}
