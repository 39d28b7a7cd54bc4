import type { Lease } from './submissions.js';
import type { RequestsDb, SubmissionRow } from './tables.js';

/** Who wants to hear that a submission has ended: leased and fenced like the work itself, with an epoch of its own. */
export class Callbacks {
  readonly #db: RequestsDb;
  readonly #tenant: string;

  constructor(db: RequestsDb, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  async claim(now: number, leaseMs: number): Promise<SubmissionRow | undefined> {
    const at = new Date(now);
    return this.#db
      .updateTable('submission')
      .set((set) => ({
        callback_epoch: set('callback_epoch', '+', 1),
        callback_leased_until: new Date(now + leaseMs),
      }))
      .where('tenant', '=', this.#tenant)
      .where('submission_id', '=', (query) =>
        query
          .selectFrom('submission')
          .select('submission_id')
          .where('tenant', '=', this.#tenant)
          .where('callback_state', '=', 'pending')
          .where('ended_at', 'is not', null)
          .where('callback_next_at', '<=', at)
          .where((or) =>
            or.or([or('callback_leased_until', 'is', null), or('callback_leased_until', '<', at)]),
          )
          .orderBy('callback_next_at')
          .limit(1)
          .forUpdate()
          .skipLocked(),
      )
      .returningAll()
      .executeTakeFirst();
  }

  /** `nextAt` undefined: there is no further try. */
  async settle(
    { submissionId, epoch }: Lease,
    end: { delivered: boolean; error: string; nextAt: number | undefined },
  ): Promise<boolean> {
    const { delivered, error, nextAt } = end;
    const failed = nextAt === undefined ? 'failed' : 'pending';
    const { numUpdatedRows } = await this.#db
      .updateTable('submission')
      .set((set) => ({
        callback_state: delivered ? 'delivered' : failed,
        callback_error: error,
        callback_attempt: set('callback_attempt', '+', 1),
        callback_leased_until: null,
        ...(nextAt !== undefined && { callback_next_at: new Date(nextAt) }),
      }))
      .where('tenant', '=', this.#tenant)
      .where('submission_id', '=', submissionId)
      .where('callback_epoch', '=', epoch)
      .where('callback_state', '=', 'pending')
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }
}
