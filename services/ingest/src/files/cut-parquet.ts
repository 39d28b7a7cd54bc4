import { invalid, limits, PlatformError } from '@perennial/kernel';
import { quoteIdentifier, quoteText, type Tables } from '@perennial/tables';
import { checkCase, checkColumnName, eventTimeMax, eventTimeMin } from '../decide/arriving-row.js';
import { type Means, storeFile } from '../effects/write-segment.js';
import type { CutFile } from './cut-rows.js';
import { rowIdDigits } from './row-ids.js';

/** A whole segment in one row group, so that small reads touch one. */
const rowGroupRows = 122_880;
const isoTime = String.raw`\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?`;
const numberType = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|REAL|DECIMAL.*)$/;
const textType = /^(VARCHAR|UUID|ENUM.*)$/;
const timeType = /^TIMESTAMP/;

/**
 * Cuts a Parquet file into segments of at most `limits.segmentRowsMax` rows, in the file's order. Numbers become
 * DOUBLE, times ISO 8601 text, nested values JSON text. Rows without an event time are refused.
 *
 * @throws PlatformError PARQUET_UNREADABLE, ROW_COLUMN_NAME, ROW_EVENT_TIME
 */
export async function cutParquet(
  means: Means,
  path: string,
  { timeColumn, idPrefix }: { timeColumn: string; idPrefix: string },
): Promise<CutFile> {
  const columns = await columnsOf(means.tables, path);
  const time = columns.find(({ name }) => name === timeColumn);
  if (!time) {
    const names = columns.map(({ name }) => name).join(', ');
    throw invalid('ROW_EVENT_TIME', `the file has no column ${timeColumn}, the event time; it has ${names}`, {
      field: timeColumn,
    });
  }
  const from = `read_parquet(${quoteText(path)}, file_row_number = true)`;
  const timed = `(select *, ${eventTimeSql(time)} as _p_event_time from ${from})`;
  const parts = await partsOf(means.tables, timed);
  const id = `${quoteText(idPrefix)} || lpad(file_row_number::varchar, ${rowIdDigits}, '0')`;
  const cells = columns.map((column) => `${cellSql(column)} as ${quoteIdentifier(column.name)}`).join(', ');
  const segments: CutFile['segments'][number][] = [];
  for (const part of parts.filter(({ rows }) => rows > 0)) {
    const start = part.index * limits.segmentRowsMax;
    const stored = await storeFile(means, (target) =>
      means.tables.run(
        `copy (select ${id} as _p_row_id, _p_event_time, ${cells} from ${timed}
           where file_row_number >= ${start} and file_row_number < ${start + limits.segmentRowsMax}
             and _p_event_time is not null)
         to ${quoteText(target)} (format parquet, compression zstd, row_group_size ${rowGroupRows})`,
      ),
    );
    const { rows, eventTimeMin, eventTimeMax } = part;
    segments.push({ ...stored, rows, eventTimeMin, eventTimeMax, rowIds: undefined });
  }
  return { segments, duplicates: 0, ...refusalsOf(parts, timeColumn) };
}

interface PhysicalColumn {
  readonly name: string;
  readonly type: string;
}

async function columnsOf(tables: Tables, path: string): Promise<PhysicalColumn[]> {
  const rows = await tables.rows(`describe select * from read_parquet(${quoteText(path)})`).catch((error) => {
    const isOurs = error instanceof PlatformError && error.code !== 'TABLES_QUERY_FAILED';
    throw isOurs
      ? error
      : invalid('PARQUET_UNREADABLE', 'the file is no readable Parquet file', { cause: error });
  });
  const columns = rows.map((row) => ({ name: String(row['column_name']), type: String(row['column_type']) }));
  for (const { name } of columns) {
    checkColumnName(name);
    if (name.toLowerCase() === 'file_row_number') {
      throw invalid('ROW_COLUMN_NAME', `${name}: rename this column; its name is reserved in Parquet files`, {
        field: name,
      });
    }
  }
  checkCase(columns.map(({ name }) => name));
  return columns;
}

interface Part {
  readonly index: number;
  readonly rows: number;
  readonly eventTimeMin: number;
  readonly eventTimeMax: number;
  readonly refused: number;
  readonly firstRefused: number | null;
}

async function partsOf(tables: Tables, timed: string): Promise<Part[]> {
  const rows = await tables.rows(
    `select (file_row_number // ${limits.segmentRowsMax})::double as part, count(_p_event_time)::double as n,
       epoch_ms(min(_p_event_time))::double as low, epoch_ms(max(_p_event_time))::double as high,
       (count(*) - count(_p_event_time))::double as refused,
       (min(file_row_number) filter (where _p_event_time is null))::double as first_refused
     from ${timed} group by 1 order by 1`,
  );
  return rows.map((row) => ({
    index: Number(row['part']),
    rows: Number(row['n']),
    eventTimeMin: Number(row['low']),
    eventTimeMax: Number(row['high']),
    refused: Number(row['refused']),
    firstRefused: row['first_refused'] === null ? null : Number(row['first_refused']),
  }));
}

function refusalsOf(parts: readonly Part[], timeColumn: string): Pick<CutFile, 'refused' | 'firstRefusal'> {
  const refused = parts.reduce((sum, part) => sum + part.refused, 0);
  const first = parts.find((part) => part.firstRefused !== null)?.firstRefused;
  if (first === undefined || first === null) return { refused, firstRefusal: undefined };
  const message = `${timeColumn} is missing or no time; it is the event time of this source`;
  return {
    refused,
    firstRefusal: {
      where: `row ${first + 1}`,
      error: invalid('ROW_EVENT_TIME', message, { field: timeColumn }),
    },
  };
}

/** The event time as a timestamp; null where it is missing, no time, or outside of what can be kept. */
function eventTimeSql({ name, type }: PhysicalColumn): string {
  const cell = quoteIdentifier(name);
  const bounded = (ms: string) =>
    `case when ${ms} between ${eventTimeMin} and ${eventTimeMax} then make_timestamp((${ms} * 1000)::bigint) end`;
  if (numberType.test(type)) return bounded(`${cell}::double`);
  const time = `try_cast(${cell} as timestamp)`;
  const kept = `case when isfinite(${time}) and year(${time}) between 1 and 9999 then ${time} end`;
  if (timeType.test(type) || type === 'DATE') return kept;
  if (textType.test(type))
    return `case when regexp_full_match(${cell}::varchar, ${quoteText(isoTime)}) then ${kept} end`;
  return 'null::timestamp';
}

function cellSql({ name, type }: PhysicalColumn): string {
  const cell = quoteIdentifier(name);
  if (numberType.test(type)) return `${cell}::double`;
  if (type === 'BOOLEAN') return cell;
  if (type === 'DATE') return `strftime(${cell}, '%Y-%m-%d')`;
  if (timeType.test(type)) {
    const time = `${cell}::timestamp`;
    return `case when ${time} = date_trunc('day', ${time}) then strftime(${time}, '%Y-%m-%d')
      else strftime(${time}, '%Y-%m-%dT%H:%M:%S.%gZ') end`;
  }
  if (/[[(]/.test(type) && !textType.test(type)) return `to_json(${cell})::varchar`;
  return `${cell}::varchar`;
}
