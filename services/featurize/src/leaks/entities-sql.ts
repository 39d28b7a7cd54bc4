import type { System } from '@perennial/spec';
import { quoteIdentifier, type Tables } from '@perennial/tables';

/**
 * Which row is whose, by the source's key without its time: a relation of _p_row_id and `entity` over the table `base`.
 * Undefined where all rows are one's.
 */
export async function entitiesSql(tables: Tables, { source }: System): Promise<string | undefined> {
  const there = new Set(
    (await tables.rows('describe base')).map((row) => String(row['column_name']).toLowerCase()),
  );
  const key = source.key.filter((name) => name !== source.time && there.has(name.toLowerCase()));
  if (key.length === 0) return undefined;
  const cells = key.map((name) => `${quoteIdentifier(name)}::varchar`).join(', ');
  return `(select _p_row_id, to_json([${cells}])::varchar as entity from base)`;
}
