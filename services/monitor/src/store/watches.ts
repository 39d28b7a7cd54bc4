import type { Watch } from '../decide/watch.js';
import type { Db } from '../tables.js';
import type { Reign } from './rows.js';

export interface Raised {
  readonly alertId: string;
  readonly system: string;
  readonly kind: string;
  readonly text: string;
}

/** The watches over champions, and what came of them. */
export class Watches {
  readonly #db: Db;
  readonly #tenant: string;

  constructor(db: Db, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  async load(system: string, { version, startEpoch }: Reign): Promise<Watch> {
    const row = await this.#db
      .selectFrom('watch')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .where('system', '=', system)
      .where('version', '=', version)
      .where('start_epoch', '=', String(startEpoch))
      .executeTakeFirst();
    return {
      version,
      startEpoch,
      rows: Number(row?.rows ?? 0),
      lastReview:
        row?.last_review_id == null
          ? undefined
          : {
              reviewId: row.last_review_id,
              rows: Number(row.last_review_rows),
              verdict: row.last_review_verdict ?? '',
            },
      ownBaseline: row?.own_baseline ?? undefined,
    };
  }

  async save(system: string, watch: Watch): Promise<void> {
    const columns = {
      rows: watch.rows,
      last_review_id: watch.lastReview?.reviewId ?? null,
      last_review_rows: watch.lastReview?.rows ?? null,
      last_review_verdict: watch.lastReview?.verdict ?? null,
      own_baseline: watch.ownBaseline ?? null,
    };
    await this.#db
      .insertInto('watch')
      .values({
        tenant: this.#tenant,
        system,
        version: watch.version,
        start_epoch: watch.startEpoch,
        ...columns,
      })
      .onConflict((conflict) =>
        conflict.columns(['tenant', 'system', 'version', 'start_epoch']).doUpdateSet(columns),
      )
      .execute();
  }

  /** False where it was recorded before. */
  async addReport(reportId: string, system: string, body: unknown): Promise<boolean> {
    const added = await this.#db
      .insertInto('drift_report')
      .values({ tenant: this.#tenant, report_id: reportId, system, body: JSON.stringify(body) })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    return added.numInsertedOrUpdatedRows === 1n;
  }

  /** False where it was concluded before. */
  async addReview(reviewId: string, system: string, body: unknown, now: number): Promise<boolean> {
    const added = await this.#db
      .insertInto('review')
      .values({
        tenant: this.#tenant,
        review_id: reviewId,
        system,
        body: JSON.stringify(body),
        concluded_at: new Date(now),
      })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    return added.numInsertedOrUpdatedRows === 1n;
  }

  /** False where it was raised before. */
  async addAlert({ alertId, system, kind, text }: Raised, now: number): Promise<boolean> {
    const added = await this.#db
      .insertInto('alert')
      .values({ tenant: this.#tenant, alert_id: alertId, system, kind, text, raised_at: new Date(now) })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    return added.numInsertedOrUpdatedRows === 1n;
  }

  /** Bodies as told, the newest first. */
  async reports(system: string, limit: number): Promise<unknown[]> {
    const rows = await this.#db
      .selectFrom('drift_report')
      .select('body')
      .where('tenant', '=', this.#tenant)
      .where('system', '=', system)
      .orderBy('sequence', 'desc')
      .limit(limit)
      .execute();
    return rows.map(({ body }) => body);
  }

  async reviews(system: string): Promise<{ body: unknown; concludedAt: Date }[]> {
    const rows = await this.#db
      .selectFrom('review')
      .select(['body', 'concluded_at'])
      .where('tenant', '=', this.#tenant)
      .where('system', '=', system)
      .orderBy('sequence', 'desc')
      .execute();
    return rows.map((row) => ({ body: row.body, concludedAt: row.concluded_at }));
  }
}
