import { sql } from 'kysely';
import type { AnyDb } from './database.js';

/**
 * Every text of the form `sha256:<64 hex digits>` that stands in the connection's schema, by `table.column`. Columns of
 * `except` are not read.
 */
export async function* digestsInTables(
  db: AnyDb,
  except: readonly string[] = [],
): AsyncGenerator<{ column: string; digests: string[] }> {
  const { rows: columns } = await sql<{ table: string; column: string; type: string }>`
    select table_name as "table", column_name as "column", data_type as "type"
    from information_schema.columns join information_schema.tables using (table_schema, table_name)
    where table_schema = current_schema() and table_type = 'BASE TABLE'
      and data_type in ('text', 'character varying', 'json', 'jsonb', 'bytea', 'ARRAY')
    order by 1, 2`.execute(db);
  for (const { table, column, type } of columns) {
    const name = `${table}.${column}`;
    if (!except.includes(name)) yield { column: name, digests: await digestsOf(db, { table, column, type }) };
  }
}

async function digestsOf(
  db: AnyDb,
  { table, column, type }: { table: string; column: string; type: string },
): Promise<string[]> {
  const cell = sql.ref(column);
  // Bytes are JSON or text mostly; escaped, the ASCII in them stands as it is.
  const text = type === 'bytea' ? sql`encode(${cell}, 'escape')` : sql`${cell}::text`;
  const { rows } = await sql<{ digest: string }>`
    select distinct found[1] as digest
    from ${sql.table(table)}, lateral regexp_matches(${text}, 'sha256:[0-9a-f]{64}', 'g') as found
    where ${text} like '%sha256:%'`.execute(db);
  return rows.map(({ digest }) => digest);
}
