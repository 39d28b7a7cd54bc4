import { sql } from 'kysely';
import type { Db } from '../tables.js';

/** Enough for a difference of a hundredth of the scatter, and read in tens of milliseconds. */
const rowsMax = 10_000;

export interface ShadowComparison {
  readonly served: number;
  readonly version: number;
  readonly rows: number;
  readonly meanDifference: number;
  readonly largestDifference: number;
  readonly labelled: number;
  readonly servedError: number;
  readonly versionError: number;
}

/** Answers that were given beside the served one, on the newest rows by data time. */
export async function compareShadows(
  db: Db,
  tenant: string,
  system: string,
): Promise<{ rows: number; shadows: ShadowComparison[] }> {
  const { rows: found } = await sql<Record<keyof ShadowComparison, string | number | null> & { all: string }>`
    with newest as (
      select served_version, served_value, versions, answers, label from prediction_row
      where tenant = ${tenant} and system = ${system}
      order by event_time desc limit ${rowsMax}
    )
    select served_version as served, beside.version, count(*) as rows,
      avg(abs(beside.answer - served_value)) as "meanDifference",
      max(abs(beside.answer - served_value)) as "largestDifference",
      count(label) as labelled,
      avg(abs(served_value - label)) as "servedError",
      avg(abs(beside.answer - label)) as "versionError",
      (select count(*) from newest) as all
    from newest, lateral unnest(versions, answers) as beside (version, answer)
    where beside.version <> served_version
    group by served_version, beside.version
    order by served_version, beside.version`.execute(db);
  const shadows = found.map(({ all: _all, ...row }) => {
    return Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, Number(value ?? 0)]),
    ) as unknown as ShadowComparison;
  });
  return { rows: Number(found[0]?.all ?? 0), shadows };
}
