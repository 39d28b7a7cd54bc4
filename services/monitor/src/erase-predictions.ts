import type { ErasedRows, ErasureRequest } from '@perennial/service';
import { systemFromJson } from '@perennial/spec';
import { sql } from 'kysely';
import { identityColumns } from './decide/identity.js';
import type { Db } from './tables.js';

/** Rows that were predicted for and whose identity says that they are of the key: by its place among the key's columns. */
export async function erasePredictions(
  db: Db,
  tenant: string,
  { source, column, value, isDryRun }: ErasureRequest,
): Promise<ErasedRows[]> {
  const { rows: systems } = await sql<{ name: string; spec_json: string }>`
    select name, spec_json from system
    where tenant = ${tenant} and (${source} = '' or source = ${source})`.execute(db);
  let rows = 0;
  for (const { name, spec_json } of systems) {
    const { key, features } = identityColumns(systemFromJson(spec_json));
    const place = [...key, ...features.map((feature) => feature.column)].indexOf(column);
    if (place === -1) continue;
    const mine = sql`tenant = ${tenant} and system = ${name} and identity::jsonb ->> ${place}::integer = ${value}`;
    const found = await (isDryRun
      ? sql`select 1 from prediction_row where ${mine}`
      : sql`delete from prediction_row where ${mine} returning 1`
    ).execute(db);
    rows += found.rows.length;
  }
  const action = isDryRun ? 'would be deleted' : 'deleted';
  const names = systems.map(({ name }) => name);
  const places = await erasePlaces(db, tenant, { names, column, value, isDryRun });
  return [
    ...(rows > 0 ? [{ what: 'predictions', name: 'prediction_row', rows, action }] : []),
    ...(places > 0 ? [{ what: 'predictions', name: 'seen_prediction', rows: places, action }] : []),
  ];
}

/** What a prediction was for; that there was one stays, so that it is not counted again. */
async function erasePlaces(
  db: Db,
  tenant: string,
  { names, column, value, isDryRun }: { names: string[]; column: string; value: string; isDryRun: boolean },
): Promise<number> {
  // Each place is [event time, { column of the key: value }].
  const isMeant = sql`coalesce(place -> 1 ->> ${column} = ${value}, false)`;
  const mine = sql`tenant = ${tenant} and system = any(${names}::text[])
    and exists (select from jsonb_array_elements(places) as place where ${isMeant})`;
  const found = await (isDryRun
    ? sql`select 1 from seen_prediction where ${mine}`
    : sql`update seen_prediction set places = coalesce((
          select jsonb_agg(place order by at) filter (where not ${isMeant})
          from jsonb_array_elements(places) with ordinality as each(place, at)), '[]'::jsonb)
        where ${mine} returning 1`
  ).execute(db);
  return found.rows.length;
}
