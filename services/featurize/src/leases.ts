import { sql } from 'kysely';
import type { Db } from './tables.js';

/** Work that one process at a time does: rows of a table, leased for a while and fenced by an epoch. */
const kinds = {
  series: { id: 'series_id', isDue: sql`kept_from_us is null` },
  dataset: { id: 'rollout_id', isDue: sql`status = 'wanted'` },
} as const;

export type WorkKind = keyof typeof kinds;

export interface Lease {
  readonly kind: WorkKind;
  readonly id: string;
  /** Whoever leases it after us gets another one. */
  readonly epoch: number;
  /** Failures before. */
  readonly attempt: number;
  /** Beginnings that no waiting has taken back, this one with them. */
  readonly begun: number;
}

/** How long a process may be silent before another takes its work: short, since it says so every third of it. */
export const leaseMs = 10_000;

/** Work that was given up; it is not waited for. */
const never = new Date('9999-01-01');

export class Leases {
  readonly #db: Db;
  readonly #tenant: string;

  constructor(db: Db, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  /** Takes the work that is due longest and leased by nobody, and counts that it is begun. */
  async lease(kind: WorkKind, now: number): Promise<Lease | undefined> {
    const { id, isDue } = kinds[kind];
    const [table, column] = [sql.table(kind), sql.ref(id)];
    const { rows } = await sql<Omit<Lease, 'kind'>>`
      update ${table} set epoch = epoch + 1, begun = begun + 1, leased_until = ${new Date(now + leaseMs)}
      where tenant = ${this.#tenant} and ${column} in (
        select ${column} from ${table}
        where tenant = ${this.#tenant} and ${isDue} and next_at <= ${new Date(now)}
          and (leased_until is null or leased_until < ${new Date(now)})
        order by next_at limit 1 for update skip locked
      ) returning ${column} as id, epoch, attempt, begun`.execute(this.#db);
    const [row] = rows;
    return row && { kind, ...row };
  }

  /** Says that the work goes on; false where the lease went to another one. */
  async renew({ kind, id, epoch }: Lease, now: number): Promise<boolean> {
    const result = await sql`
      update ${sql.table(kind)} set leased_until = ${new Date(now + leaseMs)}
      where tenant = ${this.#tenant} and ${sql.ref(kinds[kind].id)} = ${id} and epoch = ${epoch}`.execute(
      this.#db,
    );
    return result.numAffectedRows === 1n;
  }

  /** True while the lease is ours; the row stays locked until the transaction ends. */
  async holds({ kind, id, epoch }: Lease): Promise<boolean> {
    const { rows } = await sql`
      select 1 from ${sql.table(kind)}
      where tenant = ${this.#tenant} and ${sql.ref(kinds[kind].id)} = ${id} and epoch = ${epoch} and ${kinds[kind].isDue}
      for update`.execute(this.#db);
    return rows.length === 1;
  }

  /**
   * Gives the work back until `nextAt`; changes nothing where the lease is no longer ours. Waiting is neither a failure
   * nor a beginning.
   */
  async postpone(
    { kind, id, epoch, attempt, begun }: Lease,
    nextAt: number,
    { isFailure = true } = {},
  ): Promise<void> {
    await sql`
      update ${sql.table(kind)} set leased_until = null, next_at = ${new Date(nextAt)},
        attempt = ${isFailure ? attempt + 1 : attempt}, begun = ${isFailure ? begun : begun - 1}
      where tenant = ${this.#tenant} and ${sql.ref(kinds[kind].id)} = ${id} and epoch = ${epoch}`.execute(
      this.#db,
    );
  }

  /** Leaves work undone for good, where its row stays. */
  async abandon(lease: Lease): Promise<void> {
    await this.postpone(lease, never.getTime());
  }

  /** How much is due or in hand. */
  async count(kind: WorkKind): Promise<number> {
    const { rows } = await sql<{ n: string }>`
      select count(*) as n from ${sql.table(kind)} where tenant = ${this.#tenant} and ${kinds[kind].isDue}
        and next_at < ${never}`.execute(this.#db);
    return Number(rows[0]?.n ?? 0);
  }
}
