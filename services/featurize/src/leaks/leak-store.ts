import type { Selectable } from 'kysely';
import type { Db, LeakReportTable } from '../tables.js';
import type { Leak } from './decide/leak.js';

export interface LeakReport extends Omit<Selectable<LeakReportTable>, 'leaks' | 'tenant'> {
  readonly leaks: readonly Leak[];
}

/** Reports of one system that are given at once. */
const reportsMax = 100;

/** SQL about suspected leaks. */
export class LeakStore {
  readonly #db: Db;
  readonly #tenant: string;

  constructor(db: Db, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  async add({ leaks, ...report }: Omit<LeakReport, 'rows'> & { rows: number }): Promise<void> {
    await this.#db
      .insertInto('leak_report')
      .values({ tenant: this.#tenant, ...report, leaks: JSON.stringify(leaks) })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  /** Newest first. */
  async list(system: string): Promise<LeakReport[]> {
    const rows = await this.#db
      .selectFrom('leak_report')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .where('system', '=', system)
      .orderBy('checked_at', 'desc')
      .limit(reportsMax)
      .execute();
    return rows.map(({ tenant: _, leaks, ...row }) => ({ ...row, leaks: JSON.parse(leaks) as Leak[] }));
  }

  async of(datasetIds: readonly string[]): Promise<Map<string, readonly Leak[]>> {
    if (datasetIds.length === 0) return new Map();
    const rows = await this.#db
      .selectFrom('leak_report')
      .select(['dataset_id', 'leaks'])
      .where('tenant', '=', this.#tenant)
      .where('dataset_id', 'in', datasetIds)
      .execute();
    return new Map(rows.map((row) => [row.dataset_id, JSON.parse(row.leaks) as Leak[]]));
  }
}
