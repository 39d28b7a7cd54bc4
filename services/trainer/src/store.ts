import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { type DatasetMaterialized, DatasetMaterializedSchema } from '@perennial/contracts';
import type { Kysely, Selectable, Transaction, Updateable } from 'kysely';
import { trainerLimits } from './decide/limits.js';
import type { Tables, TrainingRunTable } from './tables.js';

export type Db = Kysely<Tables> | Transaction<Tables>;
export type RunRow = Selectable<TrainingRunTable>;
/** A run that is ours while its lease lasts. */
export type LeasedRun = RunRow & { readonly spec: SpecRow };
type SpecRow = Selectable<Tables['system_spec']>;

export interface QueuedRun {
  readonly runId: string;
  readonly dataset: DatasetMaterialized;
  readonly correlationId: string;
  readonly causationId: string;
}

/** The only SQL of this service, for one tenant. */
export class Store {
  readonly #db: Db;
  readonly #tenant: string;

  constructor(db: Db, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  async keepSpec(spec: Omit<SpecRow, 'tenant'>): Promise<void> {
    await this.#db
      .insertInto('system_spec')
      .values({ tenant: this.#tenant, ...spec })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  /** Queues a run, unless it is known already. */
  async queue({ runId, dataset, correlationId, causationId }: QueuedRun, now: number): Promise<void> {
    await this.#db
      .insertInto('training_run')
      .values({
        tenant: this.#tenant,
        run_id: runId,
        system: dataset.system,
        system_version: dataset.systemVersion,
        rollout_id: dataset.rolloutId,
        dataset_id: dataset.datasetId,
        dataset: JSON.stringify(toJson(DatasetMaterializedSchema, dataset)),
        next_at: new Date(now),
        leased_until: null,
        correlation_id: correlationId,
        causation_id: causationId,
        queued_at: new Date(now),
        ended_at: null,
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  /**
   * Takes the oldest run that is due, leased by nobody, and whose system.yaml has been heard; its new epoch fences off
   * whoever had it before.
   */
  async lease(now: number, leaseMs: number): Promise<LeasedRun | undefined> {
    const at = new Date(now);
    const run = await this.#db
      .updateTable('training_run')
      .set((set) => ({
        status: 'running',
        attempt: set('attempt', '+', 1),
        epoch: set('epoch', '+', 1),
        leased_until: new Date(now + leaseMs),
      }))
      .where('tenant', '=', this.#tenant)
      // '=' and not 'in': a scalar subquery runs once, so that no more than the one row is locked.
      .where('run_id', '=', (query) =>
        query
          .selectFrom('training_run as run')
          .innerJoin('system_spec as spec', (join) =>
            join
              .onRef('spec.tenant', '=', 'run.tenant')
              .onRef('spec.system', '=', 'run.system')
              .onRef('spec.version', '=', 'run.system_version'),
          )
          .select('run.run_id')
          .where('run.tenant', '=', this.#tenant)
          .where('run.status', 'in', ['queued', 'running'])
          .where('run.next_at', '<=', at)
          .where((or) => or.or([or('run.leased_until', 'is', null), or('run.leased_until', '<', at)]))
          .orderBy('run.queued_at')
          .orderBy('run.run_id')
          .limit(1)
          .forUpdate('run')
          .skipLocked(),
      )
      .returningAll()
      .executeTakeFirst();
    if (!run) return undefined;
    const spec = await this.#db
      .selectFrom('system_spec')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .where('system', '=', run.system)
      .where('version', '=', run.system_version)
      .executeTakeFirstOrThrow();
    await this.#update(run, { trainer: spec.trainer });
    return { ...run, spec };
  }

  /** False where the lease has gone to another one. */
  async renew(run: RunRow, now: number, leaseMs: number): Promise<boolean> {
    return this.#update(run, { leased_until: new Date(now + leaseMs) });
  }

  /** Gives a run back; it is due again at `nextAt`. */
  async giveBack(run: RunRow, failures: number, reason: string, nextAt: number): Promise<boolean> {
    return this.#update(run, {
      status: 'queued',
      leased_until: null,
      next_at: new Date(nextAt),
      failures,
      reason,
    });
  }

  /** Ends a run; false where the lease has gone to another one, who will end it. */
  async end(run: RunRow, columns: Updateable<TrainingRunTable>, now: number): Promise<boolean> {
    return this.#update(run, { ...columns, leased_until: null, ended_at: new Date(now) });
  }

  async #update(run: RunRow, columns: Updateable<TrainingRunTable>): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('training_run')
      .set(columns)
      .where('tenant', '=', this.#tenant)
      .where('run_id', '=', run.run_id)
      .where('epoch', '=', run.epoch)
      .where('status', '=', 'running')
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  /** Runs that have not ended. */
  async inWork(): Promise<number> {
    const row = await this.#db
      .selectFrom('training_run')
      .select((select) => select.fn.countAll<string>().as('count'))
      .where('tenant', '=', this.#tenant)
      .where('status', 'in', ['queued', 'running'])
      .executeTakeFirstOrThrow();
    return Number(row.count);
  }

  /** Newest first; of every system where `system` is empty. */
  async list(system: string): Promise<RunRow[]> {
    let query = this.#db.selectFrom('training_run').selectAll().where('tenant', '=', this.#tenant);
    if (system !== '') query = query.where('system', '=', system);
    return query.orderBy('queued_at', 'desc').orderBy('run_id').limit(trainerLimits.listedRunsMax).execute();
  }
}

export function datasetOf(run: Pick<RunRow, 'dataset'>): DatasetMaterialized {
  return fromJson(DatasetMaterializedSchema, run.dataset as JsonValue, { ignoreUnknownFields: true });
}
