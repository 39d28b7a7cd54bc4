import { type RawBuilder, sql } from 'kysely';
import type { AnyDb } from './database.js';

/** Whose rows: those whose JSON has this value in a member of this name, and those with one of these ids. */
export interface RowsToErase {
  readonly tenant: string;
  readonly column: string;
  readonly value: string;
  readonly rowIds: readonly string[];
  /** Of tables that know their rows' source, only those of this one; empty: of every one. */
  readonly source: string;
  readonly isDryRun: boolean;
}

/** Columns by which a table names rows of sources. */
const rowIdColumns = ['row_id', 'row_key'];
/**
 * Columns of JSON that hold the cells of one row. Others may have members that are called like a column and say something
 * of it: how many of its values are missing, how much it weighs.
 */
const cellColumns = ['cells', 'features', 'inputs', 'row'];

interface TableColumns {
  readonly table: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

/**
 * Deletes rows of a key from every table of the schema but those of `except`: a table that holds rows one by one names
 * them by `row_id` or `row_key`, or holds their cells as JSON in `cells`, `features`, `inputs` or `row`. Asked again it
 * finds nothing.
 *
 * @returns how many rows each table had
 */
export async function eraseRows(
  db: AnyDb,
  key: RowsToErase,
  except: readonly string[],
): Promise<{ table: string; rows: number }[]> {
  const found: { table: string; rows: number }[] = [];
  for (const table of await tablesOf(db)) {
    if (except.includes(table.table)) continue;
    const where = conditionOf(table, key);
    if (!where) continue;
    const rows = await eraseFrom(db, table.table, { where, isDryRun: key.isDryRun });
    if (rows > 0) found.push({ table: table.table, rows });
  }
  return found;
}

async function eraseFrom(
  db: AnyDb,
  table: string,
  { where, isDryRun }: { where: RawBuilder<unknown>; isDryRun: boolean },
): Promise<number> {
  if (isDryRun) {
    const { rows } = await sql<{
      n: string;
    }>`select count(*) as n from ${sql.table(table)} where ${where}`.execute(db);
    return Number(rows[0]?.n ?? 0);
  }
  const deleted = await sql`delete from ${sql.table(table)} where ${where}`.execute(db);
  return Number(deleted.numAffectedRows ?? 0n);
}

async function tablesOf(db: AnyDb): Promise<TableColumns[]> {
  const { rows } = await sql<{ table: string; name: string; type: string }>`
    select table_name as "table", column_name as "name", data_type as "type"
    from information_schema.columns join information_schema.tables using (table_schema, table_name)
    where table_schema = current_schema() and table_type = 'BASE TABLE' order by 1, 2`.execute(db);
  const tables = new Map<string, { name: string; type: string }[]>();
  for (const { table, ...column } of rows) {
    const columns = tables.get(table);
    if (columns) columns.push(column);
    else tables.set(table, [column]);
  }
  return [...tables].map(([table, columns]) => ({ table, columns }));
}

function conditionOf({ columns }: TableColumns, key: RowsToErase): RawBuilder<unknown> | undefined {
  const conditions = columns.flatMap(({ name, type }) => {
    if (rowIdColumns.includes(name) && type === 'text')
      return key.rowIds.length ? [sql`${sql.ref(name)} = any(${[...key.rowIds]}::text[])`] : [];
    return cellColumns.includes(name) && type === 'jsonb' ? [jsonHolds(name, key)] : [];
  });
  if (conditions.length === 0) return undefined;
  const any = sql`(${sql.join(conditions, sql` or `)})`;
  const has = (column: string) => columns.some(({ name, type }) => name === column && type === 'text');
  const ofSource = has('source') && key.source !== '' ? sql`source = ${key.source}` : sql`true`;
  const ofTenant = has('tenant') ? sql`tenant = ${key.tenant}` : sql`true`;
  return sql`${any} and ${ofSource} and ${ofTenant}`;
}

/** A member of this name anywhere in the JSON, with the value as text or as number. */
function jsonHolds(name: string, { column, value }: RowsToErase): RawBuilder<unknown> {
  const number = value.trim() === '' ? Number.NaN : Number(value);
  const values = { v: value, n: Number.isFinite(number) ? number : value };
  const path = `$.**.${JSON.stringify(column)} ? (@ == $v || @ == $n)`;
  return sql`coalesce(jsonb_path_exists(${sql.ref(name)}, ${path}::jsonpath, ${JSON.stringify(values)}::jsonb, true), false)`;
}
