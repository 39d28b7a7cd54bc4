import type { ErasedRows, ErasureRequest } from '@perennial/service';
import { type Kysely, type RawBuilder, sql } from 'kysely';

type Key = ErasureRequest & { readonly tenant: string };

/**
 * What tells a cell of erased rows in words: findings of held rows keep that there was something odd, and neither its
 * row nor its value (anomalies name their row and go with it); texts that were counted one by one, and sets of texts that
 * schemas expect, lose the key's value. Asked again it finds nothing.
 */
export async function eraseFindings(db: Kysely<unknown>, key: Key): Promise<ErasedRows[]> {
  const action = key.isDryRun ? 'would be forgotten' : 'forgotten';
  const found: ErasedRows[] = [];
  const add = (what: string, name: string, rows: number) => {
    if (rows > 0) found.push({ what, name, rows, action });
  };
  add('findings', 'quarantine', await inQuarantine(db, key));
  add('known texts', 'source_knowledge', await inKnowledge(db, key));
  for (const [table, column, set] of expectations)
    add('expected texts', table, await inExpected(db, key, { table, column, set }));
  return found;
}

/** JSON of schemas and of schema documents, and where in a column's part a set of texts stands. */
const expectations: readonly [table: string, column: string, set: string][] = [
  ['source_knowledge', 'schema', 'categories'],
  ['source_knowledge', 'accepted', 'domain'],
  ['schema_version', 'schema', 'categories'],
  ['schema_version', 'document', 'domain'],
  ['schema_proposal', 'document', 'domain'],
];

/** Rows that the condition means; changed where this is no dry run. */
async function changed(
  db: Kysely<unknown>,
  { isDryRun, tenant, source }: Key,
  { table, set, where }: { table: string; set: RawBuilder<unknown>; where: RawBuilder<unknown> },
): Promise<number> {
  const whole = sql`tenant = ${tenant} and (${source} = '' or source = ${source}) and ${where}`;
  const { rows } = await (isDryRun
    ? sql`select 1 from ${sql.table(table)} where ${whole}`
    : sql`update ${sql.table(table)} set ${set} where ${whole} returning 1`
  ).execute(db);
  return rows.length;
}

const silenced = sql`'{"firstRowId": "", "evidence": "its first row was erased"}'::jsonb`;

async function inQuarantine(db: Kysely<unknown>, key: Key): Promise<number> {
  if (key.rowIds.length === 0) return 0;
  const isErased = sql`f ->> 'firstRowId' = any(${[...key.rowIds]}::text[])`;
  return changed(db, key, {
    table: 'quarantine',
    set: sql`findings = (select jsonb_agg(case when ${isErased} then f || ${silenced} else f end order by at)
      from jsonb_array_elements(findings) with ordinality as each(f, at))`,
    where: sql`exists (select from jsonb_array_elements(findings) as f where ${isErased})`,
  });
}

function inKnowledge(db: Kysely<unknown>, key: Key): Promise<number> {
  const counted = sql`array['columns', ${key.column}, 'categories', ${key.value}]::text[]`;
  return changed(db, key, {
    table: 'source_knowledge',
    set: sql`profile = profile #- ${counted}`,
    where: sql`profile #> ${counted} is not null`,
  });
}

function inExpected(
  db: Kysely<unknown>,
  key: Key,
  { table, column, set }: { table: string; column: string; set: string },
): Promise<number> {
  const json = sql.ref(column);
  const values = sql`array['columns', ${key.column}, ${set}, 'values']::text[]`;
  return changed(db, key, {
    table,
    set: sql`${json} = jsonb_set(${json}, ${values}, (${json} #> ${values}) - ${key.value}::text)`,
    where: sql`${json} #> ${values} @> to_jsonb(${key.value}::text)`,
  });
}
