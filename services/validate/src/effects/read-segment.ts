import { quoteIdentifier, quoteText, type Tables } from '@perennial/tables';
import type { ColumnSummary } from '../profile/profile.js';
import { categoriesMax } from '../profile/profile.js';
import type { ColumnType, JudgedRow, Value } from '../schema/value.js';

/** Ours, beside the sender's columns. */
const ownPrefix = '_p_';
/** Quantiles that stand for a large segment's column; the sketch keeps as many. */
const quantiles = Array.from({ length: 200 }, (_, i) => (i + 0.5) / 200);
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

/** Rows of a segment file in event-time order; `where`, `first` and `newest` narrow them. */
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
    const { _p_row_id: rowId, _p_event_time: eventTime, ...values } = row;
    return { rowId: String(rowId), eventTime: Number(eventTime), values: values as Record<string, Value> };
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

/** What a large segment's rows that satisfy `where` say, column by column, in two passes whatever their number. */
export async function summarizeFile(
  tables: Tables,
  path: string,
  where: string,
): Promise<{ rows: number; columns: Record<string, ColumnSummary> }> {
  const columns = [...(await segmentColumns(tables, path))];
  const from = `from read_parquet(${quoteText(path)}) where ${where}`;
  const counts = columns.map(([name, type], i) => summarySql(quoteIdentifier(name), type, i));
  const [row = {}] = await tables.rows(`select ${['count(*) as n', ...counts].join(', ')} ${from}`);
  const rows = Number(row['n']);
  const summaries: Record<string, ColumnSummary> = {};
  for (const [i, [name, type]] of columns.entries()) {
    const present = Number(row[`present${i}`]);
    const base = { type: present ? type : undefined, present, missing: rows - present };
    if (type === 'number' && present > 0 && row[`min${i}`] !== null) {
      summaries[name] = {
        ...base,
        min: Number(row[`min${i}`]),
        max: Number(row[`max${i}`]),
        numbers: JSON.parse(String(row[`numbers${i}`])) as number[],
      };
    } else if (type === 'text' && present > 0 && Number(row[`distinct${i}`]) <= 2 * categoriesMax) {
      summaries[name] = { ...base, ...(await categoriesOf(tables, quoteIdentifier(name), from)) };
    } else {
      summaries[name] = base;
    }
  }
  return { rows, columns: summaries };
}

/** A cell that repeats the event time is no number of its own: it counts as missing, as `summarize` has it. */
function summarySql(cell: string, type: ColumnType, i: number): string {
  if (type !== 'number') {
    const present = `count(${cell}) as present${i}`;
    return type === 'text' ? `${present}, approx_count_distinct(${cell}) as distinct${i}` : present;
  }
  const own = `(${cell} is not null and ${cell} <> epoch_ms(_p_event_time))`;
  const finite = `filter (where ${own} and isfinite(${cell}))`;
  return (
    `count(*) filter (where ${own}) as present${i}, min(${cell}) ${finite} as min${i}, max(${cell}) ${finite} as max${i}, ` +
    `to_json(quantile_cont(${cell}, [${quantiles.join(', ')}]) ${finite})::varchar as numbers${i}`
  );
}

/** How often each text occurs; nothing where there are more than a column of categories has. */
async function categoriesOf(
  tables: Tables,
  cell: string,
  from: string,
): Promise<{ categories?: Record<string, number> }> {
  const rows = await tables.rows(
    `select ${cell} as value, count(*) as n ${from} and ${cell} is not null group by 1 order by 1 limit ${categoriesMax + 1}`,
  );
  if (rows.length > categoriesMax) return {};
  return { categories: Object.fromEntries(rows.map((row) => [String(row['value']), Number(row['n'])])) };
}
