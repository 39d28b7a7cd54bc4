import type { Selectable } from 'kysely';
import type { Cause, Db } from './store.js';
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

  /** The fact that moved a rollout last. */
  async causeOf(rolloutId: string): Promise<Cause> {
    const row = await this.#db
      .selectFrom('rollout')
      .select(['correlation_id', 'causation_id'])
      .where('tenant', '=', this.#tenant)
      .where('rollout_id', '=', rolloutId)
      .executeTakeFirst();
    return { correlationId: row?.correlation_id ?? undefined, causationId: row?.causation_id ?? undefined };
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

  /** Rollouts that wait for predictions. */
  async rolloutsWatched(): Promise<{ system: string; rolloutId: string }[]> {
    const rows = await this.#db
      .selectFrom('rollout')
      .select(['system', 'rollout_id'])
      .where('tenant', '=', this.#tenant)
      .where('ended_at', 'is', null)
      .where('phase', 'in', ['SHADOW', 'CANARY'])
      .execute();
    return rows.map((row) => ({ system: row.system, rolloutId: row.rollout_id }));
  }
}
