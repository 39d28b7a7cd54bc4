import type { Selectable } from 'kysely';
import type { DatasetTable, Db } from '../tables.js';

export type Dataset = Selectable<DatasetTable>;

export interface WantedDataset {
  readonly rolloutId: string;
  readonly datasetId: string;
  readonly system: string;
  readonly systemVersion: number;
  readonly champion: { readonly version: number; readonly digest: string };
  readonly correlationId: string;
  readonly causationId: string;
}

export interface MadeDataset {
  readonly trainingDigest: string;
  readonly trainingRows: number;
  readonly holdoutDigest: string;
  readonly holdoutRows: number;
  readonly manifestDigest: string;
}

/** Training sets that are listed at once: the newest. */
const listedMax = 1_000;

/** SQL about training sets. */
export class DatasetStore {
  readonly #db: Db;
  readonly #tenant: string;

  constructor(db: Db, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  async want(wanted: WantedDataset, now: Date): Promise<void> {
    await this.#db
      .insertInto('dataset')
      .values({
        tenant: this.#tenant,
        rollout_id: wanted.rolloutId,
        dataset_id: wanted.datasetId,
        system: wanted.system,
        system_version: wanted.systemVersion,
        champion_version: wanted.champion.version,
        champion_digest: wanted.champion.digest,
        status: 'wanted',
        requested_at: now,
        correlation_id: wanted.correlationId,
        causation_id: wanted.causationId,
        next_at: now,
        leased_until: null,
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  async get(rolloutId: string): Promise<Dataset | undefined> {
    return this.#db
      .selectFrom('dataset')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .where('rollout_id', '=', rolloutId)
      .executeTakeFirst();
  }

  async made(rolloutId: string, made: MadeDataset): Promise<void> {
    await this.#end(rolloutId, {
      status: 'made',
      training_digest: made.trainingDigest,
      training_rows: made.trainingRows,
      holdout_digest: made.holdoutDigest,
      holdout_rows: made.holdoutRows,
      manifest_digest: made.manifestDigest,
    });
  }

  async refused(rolloutId: string, reason: string): Promise<void> {
    await this.#end(rolloutId, { status: 'refused', reason });
  }

  /** Newest first; of all systems where none is named, and only those that were made unless all are asked for. */
  async list({ system, all }: { system: string; all: boolean }): Promise<Dataset[]> {
    let query = this.#db.selectFrom('dataset').selectAll().where('tenant', '=', this.#tenant);
    if (system !== '') query = query.where('system', '=', system);
    if (!all) query = query.where('status', '=', 'made');
    return query.orderBy('requested_at', 'desc').orderBy('dataset_id').limit(listedMax).execute();
  }

  /** By its id. */
  async byId(datasetId: string): Promise<Dataset | undefined> {
    return this.#db
      .selectFrom('dataset')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .where('dataset_id', '=', datasetId)
      .executeTakeFirst();
  }

  async #end(rolloutId: string, columns: Partial<Dataset>): Promise<void> {
    await this.#db
      .updateTable('dataset')
      .set({ ...columns, leased_until: null })
      .where('tenant', '=', this.#tenant)
      .where('rollout_id', '=', rolloutId)
      .execute();
  }
}
