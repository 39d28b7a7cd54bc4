import { sql } from 'kysely';
import type { Db } from '../tables.js';

/** Versions that share a system's requests at this time. */
export interface Trial {
  readonly versions: readonly number[];
  readonly sinceEpoch: number;
  /** Labelled rows that were last told of. */
  readonly toldRows: number;
}

/** What one version earned since a trial began. */
export interface Earned {
  readonly version: number;
  readonly rows: number;
  readonly mean: number;
  readonly squares: number;
}

/** Which versions are compared by what they earn. */
export class Trials {
  readonly #db: Db;
  readonly #tenant: string;

  constructor(db: Db, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  /** A deployment was told: the same versions go on as they were, others begin anew. */
  async deployed(system: string, epoch: number, versions: readonly number[]): Promise<void> {
    await sql`insert into trial (tenant, system, versions, epoch, since_epoch)
      values (${this.#tenant}, ${system}, ${[...versions].sort((a, b) => a - b)}, ${epoch}, ${epoch})
      on conflict (tenant, system) do update set
        versions = excluded.versions,
        epoch = excluded.epoch,
        since_epoch = case when trial.versions = excluded.versions then trial.since_epoch else excluded.epoch end,
        told_rows = case when trial.versions = excluded.versions then trial.told_rows else 0 end
      where trial.epoch < excluded.epoch`.execute(this.#db);
  }

  /** Undefined where one version has all requests. */
  async of(system: string): Promise<Trial | undefined> {
    const row = await this.#db
      .selectFrom('trial')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .where('system', '=', system)
      .executeTakeFirst();
    if (!row || row.versions.length < 2) return undefined;
    return {
      versions: row.versions,
      sinceEpoch: Number(row.since_epoch),
      toldRows: Number(row.told_rows),
    };
  }

  /** Of the rows that a version was drawn for, not named by a rule. */
  async earned(system: string, { versions, sinceEpoch }: Trial): Promise<Earned[]> {
    const { rows } = await sql<{ version: number; rows: string; mean: number; squares: number }>`
      select served_version as version, count(*) as rows, avg(label) as mean,
        coalesce(var_pop(label), 0) * count(*) as squares
      from prediction_row
      where tenant = ${this.#tenant} and system = ${system} and label is not null and propensity > 0
        and epoch >= ${sinceEpoch} and served_version = any(${[...versions]})
      group by served_version order by served_version`.execute(this.#db);
    return rows.map((row) => ({ ...row, rows: Number(row.rows) }));
  }

  async told(system: string, rows: number): Promise<void> {
    await this.#db
      .updateTable('trial')
      .set({ told_rows: rows })
      .where('tenant', '=', this.#tenant)
      .where('system', '=', system)
      .execute();
  }
}
