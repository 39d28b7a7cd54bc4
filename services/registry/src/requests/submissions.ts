import { type SqlBool, sql } from 'kysely';
import { requestLimits } from './limits.js';
import type { Kind, RequestsDb, SubmissionRow } from './tables.js';

export interface NewSubmission {
  readonly submissionId: string;
  readonly kind: Kind;
  readonly system: string;
  readonly caller: string;
  readonly idempotencyKey: string | undefined;
  readonly bodyDigest: string;
  readonly format: string;
  readonly rowsTotal: number;
  readonly rowsFailedMax: number;
  readonly callbackUrl: string;
  readonly callbackSecret: string;
}

/** Whose work it is: an older epoch changes nothing any more. */
export interface Lease {
  readonly submissionId: string;
  readonly epoch: number;
}

const dayMs = 86_400_000;
const isOpen = sql<SqlBool>`state in ('queued', 'running')`;

/** Submissions and what becomes of them. The only SQL of these tables. */
export class Submissions {
  readonly #db: RequestsDb;
  readonly #tenant: string;

  constructor(db: RequestsDb, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  /** The new one, or undefined where the caller's key has one already. */
  async add(one: NewSubmission, now: number): Promise<SubmissionRow | undefined> {
    return this.#db
      .insertInto('submission')
      .values({
        tenant: this.#tenant,
        submission_id: one.submissionId,
        kind: one.kind,
        system: one.system,
        caller: one.caller,
        idempotency_key: one.idempotencyKey ?? null,
        state: 'queued',
        body_digest: one.bodyDigest,
        format: one.format,
        rows_total: one.rowsTotal,
        rows_failed_max: one.rowsFailedMax,
        created_at: new Date(now),
        ended_at: null,
        next_at: new Date(now),
        leased_until: null,
        callback_url: one.callbackUrl,
        callback_secret: one.callbackSecret,
        callback_state: one.callbackUrl === '' ? 'none' : 'pending',
        callback_next_at: new Date(now),
        callback_leased_until: null,
      })
      .onConflict((conflict) => conflict.doNothing())
      .returningAll()
      .executeTakeFirst();
  }

  async byKey(caller: string, key: string): Promise<SubmissionRow | undefined> {
    return this.#all().where('caller', '=', caller).where('idempotency_key', '=', key).executeTakeFirst();
  }

  async find(submissionId: string): Promise<SubmissionRow | undefined> {
    return this.#all().where('submission_id', '=', submissionId).executeTakeFirst();
  }

  async openCount(caller: string): Promise<number> {
    const row = await this.#db
      .selectFrom('submission')
      .select(({ fn }) => fn.countAll<string>().as('count'))
      .where('tenant', '=', this.#tenant)
      .where('caller', '=', caller)
      .where('ended_at', 'is', null)
      .executeTakeFirst();
    return Number(row?.count ?? 0);
  }

  /** Removes some of those that ended too long ago, with their parts. */
  async forget(now: number): Promise<void> {
    await sql`delete from submission where tenant = ${this.#tenant} and submission_id in (
      select submission_id from submission where tenant = ${this.#tenant}
        and ended_at < ${new Date(now - requestLimits.keptDays * dayMs)}
      limit ${requestLimits.forgottenAtOnceMax})`.execute(this.#db);
  }

  /** Ends one that has not ended; whoever works on it holds it no longer, and nobody is called back. */
  async cancel(submissionId: string, now: number): Promise<SubmissionRow | undefined> {
    await this.#db
      .updateTable('submission')
      .set({ state: 'cancelled', ended_at: new Date(now), leased_until: null, callback_state: 'none' })
      .where('tenant', '=', this.#tenant)
      .where('submission_id', '=', submissionId)
      .where(isOpen)
      .execute();
    return this.find(submissionId);
  }

  /**
   * Takes the oldest one that is due and leased by nobody. `=` and not `in`: the planner may evaluate a limited
   * subquery of `in` more than once, and would then pass over rows that are due.
   */
  async claim(kind: Kind | undefined, now: number, leaseMs: number): Promise<SubmissionRow | undefined> {
    const at = new Date(now);
    return this.#db
      .updateTable('submission')
      .set((set) => ({
        state: 'running',
        epoch: set('epoch', '+', 1),
        leased_until: new Date(now + leaseMs),
      }))
      .where('tenant', '=', this.#tenant)
      .where('submission_id', '=', (query) => {
        const due = query
          .selectFrom('submission')
          .select('submission_id')
          .where('tenant', '=', this.#tenant)
          .where('ended_at', 'is', null)
          .where('next_at', '<=', at)
          .where((or) => or.or([or('leased_until', 'is', null), or('leased_until', '<', at)]));
        return (kind ? due.where('kind', '=', kind) : due)
          .orderBy('next_at')
          .orderBy('submission_id')
          .limit(1)
          .forUpdate()
          .skipLocked();
      })
      .returningAll()
      .executeTakeFirst();
  }

  /** Keeps a lease. False where it is no longer ours. */
  async renew(lease: Lease, until: number): Promise<boolean> {
    return this.#changeHeld(lease, { leased_until: new Date(until) });
  }

  async postpone(lease: Lease, nextAt: number): Promise<boolean> {
    const { numUpdatedRows } = await this.#held(lease)
      .set((set) => ({
        state: 'queued',
        leased_until: null,
        next_at: new Date(nextAt),
        attempt: set('attempt', '+', 1),
      }))
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  /** The one end of a submission: the epoch and the state that it had let only one result in. */
  async complete(
    lease: Lease,
    end: { resultDigest: string; errorJson: string; rowsDone: number; rowsFailed: number; now: number },
  ): Promise<boolean> {
    return this.#changeHeld(lease, {
      state: end.errorJson === '' ? 'completed' : 'failed',
      result_digest: end.resultDigest,
      error_json: end.errorJson,
      rows_done: end.rowsDone,
      rows_failed: end.rowsFailed,
      ended_at: new Date(end.now),
      leased_until: null,
      callback_next_at: new Date(end.now),
    });
  }

  /** The part after the last recorded one; recording it again under the same lease changes nothing. */
  async addPart(
    lease: Lease,
    part: { ordinal: number; digest: string; rowsDone: number; rowsFailed: number; until: number },
  ): Promise<boolean> {
    return this.#db.transaction().execute(async (tx) => {
      const row = await tx
        .selectFrom('submission')
        .select(['parts_done', 'rows_done', 'rows_failed'])
        .where('tenant', '=', this.#tenant)
        .where('submission_id', '=', lease.submissionId)
        .where('epoch', '=', lease.epoch)
        .where('state', '=', 'running')
        .forUpdate()
        .executeTakeFirst();
      if (!row) return false;
      if (row.parts_done > part.ordinal) return true;
      if (row.parts_done < part.ordinal) return false;
      const { submissionId } = lease;
      await tx
        .insertInto('submission_part')
        .values({
          tenant: this.#tenant,
          submission_id: submissionId,
          ordinal: part.ordinal,
          digest: part.digest,
        })
        .execute();
      await tx
        .updateTable('submission')
        .set({
          parts_done: part.ordinal + 1,
          rows_done: part.rowsDone,
          rows_failed: part.rowsFailed,
          leased_until: new Date(part.until),
        })
        .where('tenant', '=', this.#tenant)
        .where('submission_id', '=', submissionId)
        .execute();
      return true;
    });
  }

  async parts(submissionId: string): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('submission_part')
      .select('digest')
      .where('tenant', '=', this.#tenant)
      .where('submission_id', '=', submissionId)
      .orderBy('ordinal')
      .execute();
    return rows.map(({ digest }) => digest);
  }

  #all() {
    return this.#db.selectFrom('submission').selectAll().where('tenant', '=', this.#tenant);
  }

  #held({ submissionId, epoch }: Lease) {
    return this.#db
      .updateTable('submission')
      .where('tenant', '=', this.#tenant)
      .where('submission_id', '=', submissionId)
      .where('epoch', '=', epoch)
      .where('state', '=', 'running');
  }

  async #changeHeld(lease: Lease, change: Partial<SubmissionRow>): Promise<boolean> {
    const { numUpdatedRows } = await this.#held(lease).set(change).executeTakeFirst();
    return numUpdatedRows === 1n;
  }
}
