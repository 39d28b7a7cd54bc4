import { type RawBuilder, sql } from 'kysely';
import type { Db } from '../tables.js';

export interface QualityRow {
  /** For example `2012-07`, of data time. */
  readonly month: string;
  /** `served`, or `version:<n>`. */
  readonly answer: string;
  readonly rows: number;
  readonly value: number;
}

/** Over the rows of one month and answer: y is the label, p the answer; both as decide/metric.ts has them. */
const formulas: Record<string, RawBuilder<unknown>> = {
  mae: sql`avg(abs(p - y))`,
  rmse: sql`sqrt(avg((p - y) ^ 2))`,
  r2: sql`case when var_pop(y) > 0 then 1 - avg((p - y) ^ 2) / var_pop(y) end`,
  accuracy: sql`avg(case when (p >= 0.5) = (y > 0.5) then 1.0 else 0.0 end)`,
  f1: sql`2.0 * count(*) filter (where p >= 0.5 and y > 0.5)
    / nullif(count(*) filter (where p >= 0.5) + count(*) filter (where y > 0.5), 0)`,
  logloss: sql`avg(-ln(least(1, greatest(1e-15, case when y > 0.5 then p else 1 - p end))))`,
  // From the ranks of the positives, ties counting half.
  auc: sql`(sum(rank) filter (where y > 0.5) - count(*) filter (where y > 0.5) * (count(*) filter (where y > 0.5) + 1) / 2.0)
    / nullif(count(*) filter (where y > 0.5) * count(*) filter (where y <= 0.5), 0)`,
};

/** The metric of each month and answer over all labelled rows; NaN where it is not defined (one class only). */
export async function qualityOf(
  db: Db,
  tenant: string,
  { system, metric }: { system: string; metric: string },
): Promise<QualityRow[]> {
  const formula = formulas[metric] ?? sql`null`;
  const { rows } = await sql<{ month: string; answer: string; rows: string; value: number | string | null }>`
    with labelled as (
      select to_char(event_time at time zone 'UTC', 'YYYY-MM') as month, label as y, served_value, versions, answers
      from prediction_row where tenant = ${tenant} and system = ${system} and label is not null
    ), answered as (
      select month, 0 as version, served_value as p, y from labelled
      union all
      select month, one.version, one.p, y from labelled, unnest(versions, answers) as one (version, p)
    ), ranked as (
      select *, ${metric === 'auc' ? rankSql : sql`0`} as rank from answered
    )
    select month, version, case version when 0 then 'served' else 'version:' || version end as answer,
      count(*) as rows, ${formula} as value
    from ranked group by month, version order by month, version`.execute(db);
  return rows.map(({ month, answer, rows: count, value }) => ({
    month,
    answer,
    rows: Number(count),
    value: value === null ? Number.NaN : Number(value),
  }));
}

const rankSql = sql`rank() over (partition by month, version order by p)
  + (count(*) over (partition by month, version, p) - 1) / 2.0`;

export interface Counts {
  readonly predictions: bigint;
  readonly failed: bigint;
  readonly labelled: bigint;
}

export async function countsOf(db: Db, tenant: string, system: string): Promise<Counts> {
  const counted = await db
    .selectFrom('prediction_count')
    .select(['predictions', 'failed'])
    .where('tenant', '=', tenant)
    .where('system', '=', system)
    .executeTakeFirst();
  const { rows } = await sql<{ labelled: string }>`select count(*) as labelled from prediction_row
    where tenant = ${tenant} and system = ${system} and label is not null`.execute(db);
  return {
    predictions: BigInt(counted?.predictions ?? 0),
    failed: BigInt(counted?.failed ?? 0),
    labelled: BigInt(rows[0]?.labelled ?? 0),
  };
}
