import { quoteIdentifier, quoteText, type Tables } from '@perennial/tables';
import type { ColumnSummary } from '../decide/profile.js';
import { categoriesMax } from '../decide/profile.js';
import type { ColumnType, JudgedRow, Value } from '../decide/value.js';

/** Ours, beside the sender's columns. */
const ownPrefix = '_p_';
/** Quantiles that stand for a large segment's column; the sketch keeps as many. */
const quantiles = Array.from({ length: 200 }, (_, i) => (i + 0.5) / 200);

/** A sender's column and what it physically holds. */
export type SegmentColumns = ReadonlyMap<string, ColumnType>;

/** The sender's columns of a segment file. */
export async function segmentColumns(tables: Tables, path: string): Promise<SegmentColumns> {
  const rows = await tables.rows(`describe select * from read_parquet(${quoteText(path)})`);
  return new Map(
    rows
      .map((row) => [String(row['column_name']), String(row['column_type'])] as const)
      .filter(([name]) => !name.startsWith(ownPrefix))
      .map(([name, type]) => [name, physicalType(type)]),
  );
}

function physicalType(duckType: string): ColumnType {
  if (/^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|REAL|DECIMAL.*)$/.test(duckType)) return 'number';
  return duckType === 'BOOLEAN' ? 'boolean' : 'text';
}

/** `select` list that brings every column to a JSON type, and the row's id and event time (ms). */
function projection(columns: SegmentColumns): string {
  const casts = { number: 'double', boolean: 'boolean', text: 'varchar' } as const;
  const cells = [...columns].map(
    ([name, type]) => `${quoteIdentifier(name)}::${casts[type]} as ${quoteIdentifier(name)}`,
  );
  return ['_p_row_id', 'epoch_ms(_p_event_time)::double as _p_event_time', ...cells].join(', ');
}

/** Rows of a segment file in event-time order; `where` and `limit` narrow them. */
export async function readRows(
  tables: Tables,
  path: string,
  { where = 'true', newest }: { where?: string; newest?: number } = {},
): Promise<JudgedRow[]> {
  const columns = await segmentColumns(tables, path);
  const limit = newest === undefined ? '' : ` order by _p_event_time desc, _p_row_id desc limit ${newest}`;
  const rows = await tables.rows(
    `select ${projection(columns)} from (select * from read_parquet(${quoteText(path)}) where ${where}${limit})
     order by _p_event_time, _p_row_id`,
  );
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
    `select epoch_ms(min(_p_event_time))::double as low, epoch_ms(max(_p_event_time))::double as high
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
  const [row = {}] = await tables.rows(`select count(*)::double as n, ${counts.join(', ')} ${from}`);
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
    } else if (type === 'text' && present > 0 && Number(row[`distinct${i}`]) <= categoriesMax) {
      summaries[name] = { ...base, categories: await countCategories(tables, quoteIdentifier(name), from) };
    } else {
      summaries[name] = base;
    }
  }
  return { rows, columns: summaries };
}

function summarySql(cell: string, type: ColumnType, i: number): string {
  const present = `count(${cell})::double as present${i}`;
  if (type === 'text') return `${present}, approx_count_distinct(${cell}) as distinct${i}`;
  if (type !== 'number') return present;
  const finite = `filter (where isfinite(${cell}::double))`;
  return (
    `${present}, (min(${cell}) ${finite})::double as min${i}, (max(${cell}) ${finite})::double as max${i}, ` +
    `to_json(quantile_cont(${cell}::double, [${quantiles.join(', ')}]) ${finite})::varchar as numbers${i}`
  );
}

async function countCategories(tables: Tables, cell: string, from: string): Promise<Record<string, number>> {
  const rows = await tables.rows(
    `select ${cell}::varchar as value, count(*)::double as n ${from} and ${cell} is not null group by 1 order by 1`,
  );
  return Object.fromEntries(rows.map((row) => [String(row['value']), Number(row['n'])]));
}
