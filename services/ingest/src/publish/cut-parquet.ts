import { invalid, limits, PlatformError } from '@perennial/kernel';
import { quoteIdentifier, quoteText, type Tables } from '@perennial/tables';
import { checkCase, checkColumnName, eventTimeMax, eventTimeMin } from '../decide/arriving-row.js';
import { holdLate, lateRow, newestThatCounts } from '../decide/late.js';
import { type Means, storeFile } from '../effects/write-segment.js';
import type { CutFile, CutSegmentFile, Lateness } from './cut-rows.js';
import { rowIdDigits } from './row-ids.js';

/** A whole segment in one row group, so that small reads touch one. */
const rowGroupRows = 122_880;
const isoTime = String.raw`\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?`;
const numberType = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|REAL|DECIMAL.*)$/;
const textType = /^(VARCHAR|UUID|ENUM.*)$/;
const timeType = /^TIMESTAMP/;
const instantType = /^TIMESTAMP(TZ| WITH TIME ZONE)/;
const isoOffset = String.raw`[T ].*(Z|[+-]\d{2}:?\d{2})$`;

export interface CutParquetOptions {
  readonly timeColumn: string;
  /** IANA zone of times without an offset; undefined: UTC. */
  readonly zone: string | undefined;
  readonly idPrefix: string;
  readonly producer: string;
  /** Ms since the epoch. */
  readonly arrivedAt: number;
  readonly lateness: Lateness;
}

/**
 * Cuts a Parquet file into segments of at most `limits.segmentRowsMax` rows, in the file's order. Numbers become
 * DOUBLE, times ISO 8601 text, nested values JSON text. Rows without an event time are refused.
 *
 * @throws PlatformError PARQUET_UNREADABLE, ROW_COLUMN_NAME, ROW_EVENT_TIME
 */
export async function cutParquet(means: Means, path: string, options: CutParquetOptions): Promise<CutFile> {
  const { timeColumn, zone, lateness } = options;
  const columns = await columnsOf(means.tables, path);
  const time = columns.find(({ name }) => name === timeColumn);
  if (!time) {
    const names = columns.map(({ name }) => name).join(', ');
    throw invalid('ROW_EVENT_TIME', `the file has no column ${timeColumn}, the event time; it has ${names}`, {
      field: timeColumn,
    });
  }
  const from = `read_parquet(${quoteText(path)}, file_row_number = true)`;
  const timed = `(select *, ${eventTimeSql(time, zone)} as _p_event_time from ${from})`;
  const parts = await partsOf(means.tables, timed, options);
  const select = `select ${ourCellsSql(options)}, ${columns
    .map((column) => `${cellSql(column, zone)} as ${quoteIdentifier(column.name)}`)
    .join(', ')} from ${timed}`;
  const segments: CutSegmentFile[] = [];
  const taken = parts.filter(({ rows, isLate }) => rows > 0 && !(isLate && lateness.policy === 'refuse'));
  for (const part of taken) {
    const start = part.index * limits.segmentRowsMax;
    const sameVerdict = Number.isFinite(lateness.watermark)
      ? `and _p_event_time ${part.isLate ? '<' : '>='} ${timeLiteral(lateness.watermark)}`
      : '';
    const stored = await storeFile(means, (target) =>
      means.tables.run(
        `copy (${select} where file_row_number >= ${start} and file_row_number < ${start + limits.segmentRowsMax}
             and _p_event_time is not null ${sameVerdict})
         to ${quoteText(target)} (format parquet, compression zstd, row_group_size ${rowGroupRows})`,
      ),
    );
    const { rows, eventTimeMin, eventTimeMax, newest } = part;
    const hold = part.isLate && lateness.policy === 'quarantine' ? holdLate : '';
    segments.push({ ...stored, rows, eventTimeMin, eventTimeMax, newest, rowIds: undefined, hold });
  }
  const late = parts.reduce((sum, part) => sum + (part.isLate ? part.rows : 0), 0);
  return { segments, duplicates: 0, late, ...refusalsOf(parts, timeColumn, lateness) };
}

function ourCellsSql({ idPrefix, arrivedAt, producer }: CutParquetOptions): string {
  const id = `${quoteText(idPrefix)} || lpad(file_row_number::varchar, ${rowIdDigits}, '0')`;
  return `${id} as _p_row_id, _p_event_time, ${timeLiteral(arrivedAt)} as _p_arrived_at,
    ${quoteText(producer)} as _p_producer`;
}

function timeLiteral(ms: number): string {
  return `make_timestamp(${Math.floor(ms) * 1000})`;
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

/** Rows of one segment, late ones apart where they are to be treated so. */
interface Part {
  readonly index: number;
  readonly isLate: boolean;
  readonly rows: number;
  readonly eventTimeMin: number;
  readonly eventTimeMax: number;
  /** What they move the watermark to. */
  readonly newest: number | undefined;
  readonly firstRow: number;
  readonly refused: number;
  readonly firstRefused: number | null;
}

async function partsOf(
  tables: Tables,
  timed: string,
  { lateness: { watermark }, arrivedAt }: CutParquetOptions,
): Promise<Part[]> {
  const counts = `_p_event_time <= ${timeLiteral(newestThatCounts(arrivedAt))}`;
  const isLateSql = Number.isFinite(watermark)
    ? `coalesce(_p_event_time < ${timeLiteral(watermark)}, false)`
    : 'false';
  const rows = await tables.rows(
    `select (file_row_number // ${limits.segmentRowsMax})::double as part, ${isLateSql} as late,
       count(_p_event_time)::double as n,
       epoch_ms(min(_p_event_time))::double as low, epoch_ms(max(_p_event_time))::double as high,
       epoch_ms(max(_p_event_time) filter (where ${counts}))::double as newest,
       min(file_row_number)::double as first_row,
       (count(*) - count(_p_event_time))::double as refused,
       (min(file_row_number) filter (where _p_event_time is null))::double as first_refused
     from ${timed} group by 1, 2 order by 1, 2`,
  );
  return rows.map((row) => ({
    index: Number(row['part']),
    isLate: row['late'] === true,
    rows: Number(row['n']),
    eventTimeMin: Number(row['low']),
    eventTimeMax: Number(row['high']),
    newest: row['newest'] === null ? undefined : Number(row['newest']),
    firstRow: Number(row['first_row']),
    refused: Number(row['refused']),
    firstRefused: row['first_refused'] === null ? null : Number(row['first_refused']),
  }));
}

function refusalsOf(
  parts: readonly Part[],
  timeColumn: string,
  { policy, watermark }: Lateness,
): Pick<CutFile, 'refused' | 'firstRefusal'> {
  const refusals = parts.flatMap((part) => {
    if (part.isLate) {
      if (policy !== 'refuse') return [];
      return [{ count: part.rows, first: part.firstRow, error: lateRow(part.eventTimeMin, watermark) }];
    }
    if (part.firstRefused === null) return [];
    const message = `${timeColumn} is missing or no time; it is the event time of this source`;
    const error = invalid('ROW_EVENT_TIME', message, { field: timeColumn });
    return [{ count: part.refused, first: part.firstRefused, error }];
  });
  const refused = refusals.reduce((sum, { count }) => sum + count, 0);
  const [first] = refusals.toSorted((a, b) => a.first - b.first);
  if (!first) return { refused, firstRefusal: undefined };
  return { refused, firstRefusal: { where: `row ${first.first + 1}`, error: first.error } };
}

/** The event time as a timestamp; null where it is missing, no time, or outside of what can be kept. */
function eventTimeSql({ name, type }: PhysicalColumn, zone: string | undefined): string {
  const cell = quoteIdentifier(name);
  const bounded = (ms: string) =>
    `case when ${ms} between ${eventTimeMin} and ${eventTimeMax} then make_timestamp((${ms} * 1000)::bigint) end`;
  if (numberType.test(type)) return bounded(`${cell}::double`);
  const kept = (time: string) =>
    `case when isfinite(${time}) and year(${time}) between 1 and 9999 then ${time} end`;
  const utc = `try_cast(${cell} as timestamp)`;
  if (instantType.test(type)) return kept(utc);
  const local = zone === undefined ? kept(utc) : kept(inZoneSql(utc, zone, type === 'DATE'));
  if (timeType.test(type) || type === 'DATE') return local;
  if (!textType.test(type)) return 'null::timestamp';
  const isTime = `regexp_full_match(${cell}::varchar, ${quoteText(isoTime)})`;
  const hasOffset = `regexp_matches(${cell}::varchar, ${quoteText(isoOffset)})`;
  const isDay = `length(${cell}::varchar) = 10`;
  const read =
    zone === undefined
      ? kept(utc)
      : `case when ${hasOffset} then ${kept(utc)}
           when ${isDay} then ${kept(inZoneSql(utc, zone, true))} else ${local} end`;
  return `case when ${isTime} then ${read} end`;
}

/**
 * The moment at which clocks of the zone showed this. An hour that they leave out is none, unless it stands for a day: a
 * day begins then with what follows.
 */
function inZoneSql(local: string, zone: string, isDay: boolean): string {
  const moment = `timezone(${quoteText(zone)}, ${local})`;
  const utc = `make_timestamp(epoch_us(${moment}))`;
  return isDay ? utc : `case when timezone(${quoteText(zone)}, ${moment}) = ${local} then ${utc} end`;
}

/** Instants end in Z. So do times without an offset, as long as no zone says otherwise. */
function cellSql({ name, type }: PhysicalColumn, zone: string | undefined): string {
  const cell = quoteIdentifier(name);
  if (numberType.test(type)) return `${cell}::double`;
  if (type === 'BOOLEAN') return cell;
  if (type === 'DATE') return `strftime(${cell}, '%Y-%m-%d')`;
  if (timeType.test(type)) {
    const time = `${cell}::timestamp`;
    const isInstant = instantType.test(type);
    const full = `strftime(${time}, '%Y-%m-%dT%H:%M:%S.%g${zone === undefined || isInstant ? 'Z' : ''}')`;
    if (zone !== undefined && isInstant) return full;
    return `case when ${time} = date_trunc('day', ${time}) then strftime(${time}, '%Y-%m-%d') else ${full} end`;
  }
  if (/[[(]/.test(type) && !textType.test(type)) return `to_json(${cell})::varchar`;
  return `${cell}::varchar`;
}
