import { quoteText, type Tables } from '@perennial/tables';
import type { ColumnType, JudgedRow, Value } from '../schema/value.js';

/** Ours, beside the sender's columns. */
const ownPrefix = '_p_';
const types: Readonly<Record<string, ColumnType>> = { DOUBLE: 'number', BOOLEAN: 'boolean' };

/** A sender's column and what it physically holds. */
export type SegmentColumns = ReadonlyMap<string, ColumnType>;

/** The sender's columns of a segment file. */
export async function segmentColumns(tables: Tables, path: string): Promise<SegmentColumns> {
  const rows = await tables.rows(`describe select * from read_parquet(${quoteText(path)})`);
  return new Map(
    rows
      .map((row) => [String(row['column_name']), types[String(row['column_type'])] ?? 'text'] as const)
      .filter(([name]) => !name.startsWith(ownPrefix)),
  );
}

/** Rows of a segment file, the sender's columns alone, in event-time order; `where`, `first` and `newest` narrow them. */
export async function readRows(
  tables: Tables,
  path: string,
  { where = 'true', first, newest }: { where?: string; first?: number; newest?: number } = {},
): Promise<JudgedRow[]> {
  const order =
    newest === undefined
      ? `order by _p_event_time, _p_row_id ${first === undefined ? '' : `limit ${first}`}`
      : `order by _p_event_time desc, _p_row_id desc limit ${newest}`;
  const rows = await tables.rows(`select * from read_parquet(${quoteText(path)}) where ${where} ${order}`);
  if (newest !== undefined) rows.reverse();
  return rows.map((row) => {
    const sent = Object.entries(row).filter(([name]) => !name.startsWith(ownPrefix));
    return {
      rowId: String(row['_p_row_id']),
      eventTime: Number(row['_p_event_time']),
      values: Object.fromEntries(sent) as Record<string, Value>,
    };
  });
}

/** First and last event time (ms) of the rows that satisfy `where`; there is at least one. */
export async function eventTimeSpan(
  tables: Tables,
  path: string,
  where: string,
): Promise<{ eventTimeMin: number; eventTimeMax: number }> {
  const [row = {}] = await tables.rows(
    `select min(_p_event_time) as low, max(_p_event_time) as high
     from read_parquet(${quoteText(path)}) where ${where}`,
  );
  return { eventTimeMin: Number(row['low']), eventTimeMax: Number(row['high']) };
}
