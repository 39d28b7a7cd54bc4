import type { SchemaDocument } from '@perennial/spec';
import { quoteIdentifier, quoteText, type Tables } from '@perennial/tables';
import { explain, type HeldReason } from '../causes/findings.js';
import { cellSql } from '../rules/cells.js';
import type { Schema } from '../schema/learned.js';
import { isReadDifferently, normalisedCells } from '../schema/normalise.js';
import { type SegmentColumns, segmentColumns } from './read-segment.js';
import type { SegmentFiles } from './segment-files.js';
import { copyWhere } from './split-segment.js';

/** A large segment as the schema reads it. */
export interface ReadSegment {
  /** Digest of the rows that could be read, normalised; undefined where the segment's file is so already. */
  readonly digest: string | undefined;
  readonly unreadable: readonly HeldReason[];
}

/**
 * Writes the segment's rows as the schema reads them, where that changes any cell. Rows with a cell that cannot be read
 * (a word among numbers) are left out, and said.
 */
export async function readAs(
  { tables, files }: { tables: Tables; files: SegmentFiles },
  path: string,
  { columns, schema }: { columns: SchemaDocument['columns']; schema: Schema },
): Promise<ReadSegment> {
  const physical = await segmentColumns(tables, path);
  const replace = normalisedCells(columns, physical);
  if (!replace) return { digest: undefined, unreadable: [] };
  const conditions = invalidCells(columns, physical);
  const unreadable = await reasonsFor(tables, path, { conditions, schema });
  const where = conditions.length
    ? `not (${conditions.map(({ condition }) => condition).join(' or ')})`
    : 'true';
  const digest = await files.store((target) => copyWhere(tables, { path, where, target, replace }));
  return { digest, unreadable };
}

interface Condition {
  readonly column: string;
  readonly condition: string;
}

function invalidCells(columns: SchemaDocument['columns'], physical: SegmentColumns): Condition[] {
  return [...physical].flatMap(([column, type]) => {
    const expected = columns[column];
    if (!expected || !isReadDifferently(expected, type)) return [];
    const { isInvalid } = cellSql(quoteIdentifier(column), type, expected);
    return isInvalid === 'false' ? [] : [{ column, condition: isInvalid }];
  });
}

async function reasonsFor(
  tables: Tables,
  path: string,
  { conditions, schema }: { conditions: readonly Condition[]; schema: Schema },
): Promise<HeldReason[]> {
  if (conditions.length === 0) return [];
  const counts = conditions.map(({ column, condition }, i) => {
    const first = (what: string) =>
      `arg_min(${what}, (_p_event_time, _p_row_id)) filter (where ${condition})`;
    return (
      `count(*) filter (where ${condition}) as n${i}, ${first('_p_row_id')} as id${i}, ` +
      `min(_p_event_time) filter (where ${condition}) as time${i}, ${first(`${quoteIdentifier(column)}::varchar`)} as cell${i}`
    );
  });
  const [row = {}] = await tables.rows(`select ${counts.join(', ')} from read_parquet(${quoteText(path)})`);
  return conditions.flatMap(({ column }, i) => {
    const rows = Number(row[`n${i}`]);
    if (rows === 0) return [];
    const value = String(row[`cell${i}`]);
    const first = { firstRowId: String(row[`id${i}`]), firstEventTime: Number(row[`time${i}`]), rows };
    return [{ ...explain({ rule: 'type', column, value }, schema), ...first }];
  });
}
