import type { ColumnSchema, SchemaDocument } from '@perennial/spec';
import { quoteIdentifier, quoteText } from '@perennial/tables';
import { cellSql, readCell } from '../rules/cells.js';
import type { ColumnType, JudgedRow, Value } from './value.js';

type Columns = SchemaDocument['columns'];

/**
 * What verified rows hold instead of the cells that came, as the `replace` list of a select: trimmed, missing words as
 * null, numeric texts as numbers, times in UTC. Undefined where every cell stays as it is.
 */
export function normalisedCells(
  columns: Columns,
  physical: ReadonlyMap<string, ColumnType>,
): string | undefined {
  const replaced = [...physical].flatMap(([name, type]) => {
    const column = columns[name];
    if (!column || !isReadDifferently(column, type)) return [];
    const cell = quoteIdentifier(name);
    const { value } = cellSql(cell, type, asText(column));
    return [`${column.zone ? inUtc(value, column.zone) : value} as ${cell}`];
  });
  return replaced.length > 0 ? replaced.join(', ') : undefined;
}

/** The rows as the rules see them; what cannot be read stays, and breaks the rule of its type. */
export function normaliseRows(columns: Columns, rows: readonly JudgedRow[]): readonly JudgedRow[] {
  const read = Object.entries(columns).filter(([, column]) => isReadDifferently(column, 'text'));
  if (read.length === 0) return rows;
  return rows.map((row) => {
    const values: Record<string, Value> = { ...row.values };
    for (const [name, column] of read) {
      const value = values[name];
      if (typeof value !== 'string') continue;
      const reading = readCell(value, asText(column));
      if (reading.kind === 'missing') values[name] = null;
      else if (reading.kind === 'value') values[name] = reading.value as Value;
    }
    return { ...row, values };
  });
}

/** Times stay texts: ISO 8601 sorts and compares as one. */
function asText(column: ColumnSchema): ColumnSchema {
  return column.type === 'time' || column.type === 'list' ? { ...column, type: 'text' } : column;
}

/** Whether cells of this physical type are not what the schema reads in them. */
export function isReadDifferently(column: ColumnSchema, physical: ColumnType): boolean {
  const { type, trim, missingAs, zone } = column;
  if (physical === 'number') return type === 'boolean';
  if (physical !== 'text') return false;
  const isPlain = type === 'text' || type === 'list' || (type === 'time' && (!zone || zone === 'UTC'));
  return !isPlain || trim === true || (missingAs?.length ?? 0) > 0;
}

/** ISO text in UTC: of a time with an offset by that, of others by the zone. */
function inUtc(value: string, zone: string): string {
  const local = `timezone('UTC', timezone(${quoteText(zone)}, try_cast(${value} as timestamp)))`;
  const hasOffset = `regexp_matches(${value}, '[T ][0-9:.]+(?:Z|[+-][0-9:]+)$')`;
  const instant = `(case when ${hasOffset} then timezone('UTC', try_cast(${value} as timestamptz)) else ${local} end)`;
  return `strftime(${instant}, '%Y-%m-%dT%H:%M:%SZ')`;
}
