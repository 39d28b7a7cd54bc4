import type { ErasedRows, ErasureRequest } from '@perennial/service';
import { sql } from 'kysely';
import type { Db } from '../tables.js';

/** Values kept for windows whose group is the key: by its place among the columns that the series is grouped by. */
export async function eraseValues(
  db: Db,
  tenant: string,
  { source, column, value, isDryRun }: ErasureRequest,
): Promise<ErasedRows[]> {
  const { rows: series } = await sql<{ series_id: string; definition: string }>`
    select series_id, definition from series
    where tenant = ${tenant} and (${source} = '' or source = ${source})`.execute(db);
  let rows = 0;
  for (const { series_id, definition } of series) {
    const { by = [] } = JSON.parse(definition) as { by?: string[] };
    const place = by.indexOf(column);
    if (place === -1) continue;
    // A group with a long name is kept by its digest, and found by the ids of its rows alone.
    const mine = sql`tenant = ${tenant} and series_id = ${series_id} and by_key like '[%'
      and by_key::jsonb ->> ${place}::integer = ${value}`;
    const found = await (isDryRun
      ? sql`select 1 from window_value where ${mine}`
      : sql`delete from window_value where ${mine} returning 1`
    ).execute(db);
    rows += found.rows.length;
  }
  const action = isDryRun ? 'would be deleted' : 'deleted';
  return rows === 0 ? [] : [{ what: 'online values', name: 'window_value', rows, action }];
}
