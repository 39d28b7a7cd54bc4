import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { type DeploymentUpdated, DeploymentUpdatedSchema } from '@perennial/contracts';
import type { Selectable } from 'kysely';
import type { Db } from './store.js';
import type { RolloutTable } from './tables.js';

export type RolloutRow = Selectable<RolloutTable>;

/** Questions that need no lock. */
export class Listings {
  readonly #db: Db;
  readonly #tenant: string;

  constructor(db: Db, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  async systemNames(): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('system')
      .select('name')
      .where('tenant', '=', this.#tenant)
      .orderBy('name')
      .execute();
    return rows.map((row) => row.name);
  }

  /** The deployment as it was last told. */
  async deployment(system: string): Promise<DeploymentUpdated | undefined> {
    const row = await this.#db
      .selectFrom('deployment')
      .where('tenant', '=', this.#tenant)
      .select('body')
      .where('name', '=', system)
      .executeTakeFirst();
    return row && fromJson(DeploymentUpdatedSchema, row.body as JsonValue);
  }

  /** Rollouts of a system, newest first. */
  async rollouts(system: string): Promise<RolloutRow[]> {
    return this.#db
      .selectFrom('rollout')
      .where('tenant', '=', this.#tenant)
      .selectAll()
      .where('system', '=', system)
      .orderBy('requested_at', 'desc')
      .orderBy('rollout_id')
      .execute();
  }

  async rolloutRow(rolloutId: string): Promise<RolloutRow | undefined> {
    return this.#db
      .selectFrom('rollout')
      .where('tenant', '=', this.#tenant)
      .selectAll()
      .where('rollout_id', '=', rolloutId)
      .executeTakeFirst();
  }

  /** Rollouts that somebody works on right now: a run is under way, or a test. */
  async rolloutsInWork(): Promise<number> {
    const rows = await this.#db
      .selectFrom('rollout')
      .where('tenant', '=', this.#tenant)
      .select('rollout_id')
      .where('ended_at', 'is', null)
      .where('phase', 'in', ['TRAINING', 'TESTING'])
      .execute();
    return rows.length;
  }

  /** Systems whose rollout waits for predictions. */
  async systemsWatched(): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('rollout')
      .where('tenant', '=', this.#tenant)
      .select('system')
      .where('ended_at', 'is', null)
      .where('phase', 'in', ['SHADOW', 'CANARY'])
      .execute();
    return rows.map((row) => row.system);
  }
}
