import { asPlatformError, invalid, limits, type PlatformError, parseEventTime } from '@perennial/kernel';

/** A cell as it is kept: objects and arrays travel as JSON text. */
export type Cell = string | number | boolean | null;

/** A row that may be kept. Times are ms since the epoch. */
export interface ArrivingRow {
  readonly rowId: string;
  readonly eventTime: number;
  /** When it came to the platform. */
  readonly arrivedAt: number;
  readonly values: Readonly<Record<string, Cell>>;
}

/** How a row is read. */
export interface RowReading {
  readonly timeColumn: string;
  /** IANA zone of times without an offset; undefined: UTC. */
  readonly zone: string | undefined;
  /** Ms since the epoch. */
  readonly arrivedAt: number;
  /** The event time of a row that has none, as text: the time of the event that carried it. */
  readonly fallbackTime?: string | undefined;
}

/** Columns in one row; a record, not a document. */
const columnsMax = 1_000;
const columnNameMax = 128;
/** An id is a name, not a text; UUIDs have 36 characters, digests with an ordinal under 80. */
const rowIdMax = 200;
/** Ours: beside the sender's columns in every segment. */
export const reservedPrefix = '_p_';
/** 0001-01-01 and the last millisecond of 9999, UTC: what ISO 8601 and every database can hold. */
export const eventTimeMin = -62_135_596_800_000;
export const eventTimeMax = 253_402_300_799_999;
/** Half a surrogate pair; looked for only where a text has one at all. */
const lone = /\p{Cs}/u;
const surrogate = /[\ud800-\udfff]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to be refused
const controls = /[\u0000-\u001f\u007f\p{Cs}]/u;

/**
 * Reads one JSON value as a row.
 *
 * @throws PlatformError ROW_MALFORMED, ROW_TOO_WIDE, ROW_COLUMN_NAME, ROW_ID_INVALID or ROW_EVENT_TIME, naming the field
 */
export function readRow(value: unknown, rowId: string, reading: RowReading): ArrivingRow {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw invalid('ROW_MALFORMED', `a row is a JSON object, not ${shown(value)}`);
  }
  checkRowId(rowId);
  checkNames(Object.keys(value));
  const values: Record<string, Cell> = Object.create(null) as Record<string, Cell>;
  for (const name in value) values[name] = asCell(name, (value as Record<string, unknown>)[name]);
  const { timeColumn, arrivedAt, fallbackTime } = reading;
  if (fallbackTime !== undefined && isNothing(values[timeColumn])) values[timeColumn] = fallbackTime;
  return { rowId, eventTime: eventTimeOf(values, reading), arrivedAt, values };
}

/** Lists of names that were found good: the rows of one sender mostly have the same. */
const goodNames = new Set<string>();
const goodNamesMax = 1_000;

/** @throws PlatformError ROW_MALFORMED, ROW_TOO_WIDE, ROW_COLUMN_NAME */
function checkNames(names: readonly string[]): void {
  // No good name holds a line feed: with their number before them, no other list reads so.
  const list = `${names.length}\n${names.join('\n')}`;
  if (goodNames.has(list)) return;
  if (names.length === 0) throw invalid('ROW_MALFORMED', 'the row has no columns');
  if (names.length > columnsMax) {
    throw invalid('ROW_TOO_WIDE', `the row has ${names.length} columns; at most ${columnsMax} are taken`);
  }
  for (const name of names) checkColumnName(name);
  checkCase(names);
  if (goodNames.size >= goodNamesMax) goodNames.clear();
  goodNames.add(list);
}

/** @throws PlatformError ROW_COLUMN_NAME */
export function checkColumnName(name: string): void {
  if (name === '' || name === '__proto__' || name.length > columnNameMax || controls.test(name)) {
    throw invalid(
      'ROW_COLUMN_NAME',
      `${JSON.stringify(name.slice(0, 40))}: a column name has 1 to ${columnNameMax} characters, no control characters, and is not __proto__`,
      { field: name.slice(0, 40) },
    );
  }
  if (name.startsWith(reservedPrefix)) {
    throw invalid(
      'ROW_COLUMN_NAME',
      `${name}: names that begin with ${reservedPrefix} are the platform's own`,
      {
        field: name,
      },
    );
  }
}

/** SQL tells columns apart by their names in lower case. @throws PlatformError ROW_COLUMN_NAME */
export function checkCase(names: readonly string[]): void {
  const lower = new Set<string>();
  for (const name of names) {
    if (lower.size === lower.add(name.toLowerCase()).size) {
      throw invalid('ROW_COLUMN_NAME', `${name}: two columns differ by case alone`, { field: name });
    }
  }
}

/** @throws PlatformError ROW_ID_INVALID */
export function checkRowId(rowId: string): void {
  if (rowId === '' || rowId.length > rowIdMax || controls.test(rowId)) {
    throw invalid('ROW_ID_INVALID', `a row id has 1 to ${rowIdMax} characters and no control characters`);
  }
}

function shown(value: unknown): string {
  return Array.isArray(value) ? 'an array' : String(JSON.stringify(value)).slice(0, 40);
}

function asCell(name: string, cell: unknown): Cell {
  if (cell === null || typeof cell === 'number' || typeof cell === 'boolean') return cell;
  const text = typeof cell === 'string' ? cell : (JSON.stringify(cell) ?? '');
  // JSON can spell them, databases and UTF-8 cannot hold them.
  if (text.includes('\0') || (surrogate.test(text) && lone.test(text))) {
    throw invalid('ROW_MALFORMED', `${name}: the text holds U+0000 or half a surrogate pair`, {
      field: name,
    });
  }
  return text;
}

function isNothing(cell: Cell | undefined): boolean {
  return cell === undefined || cell === null || cell === '';
}

function eventTimeOf(values: Readonly<Record<string, Cell>>, { timeColumn, zone }: RowReading): number {
  const cell = values[timeColumn];
  if (isNothing(cell)) {
    throw invalid('ROW_EVENT_TIME', `${timeColumn} is missing; it is the event time of this source`, {
      field: timeColumn,
    });
  }
  const time = parsedTime(cell, timeColumn, zone);
  if (time < eventTimeMin || time > eventTimeMax) {
    throw invalid('ROW_EVENT_TIME', `${timeColumn}: ${String(cell)} lies outside the years 1 to 9999`, {
      field: timeColumn,
    });
  }
  return time;
}

function parsedTime(cell: unknown, timeColumn: string, zone: string | undefined): number {
  try {
    return parseEventTime(cell, timeColumn, zone);
  } catch (error) {
    throw invalid('ROW_EVENT_TIME', asPlatformError(error).message, { field: timeColumn });
  }
}

/** A row that was not taken. */
export interface RefusedRow {
  /** For people: "line 3" of a file, "row 3" of an array; from 1. */
  readonly where: string;
  readonly error: PlatformError;
}

/** Bytes of one row, as sent. @throws PlatformError ROW_TOO_LARGE */
export function checkRowBytes(bytes: number): void {
  if (bytes > limits.rowBytesMax) {
    throw invalid(
      'ROW_TOO_LARGE',
      `a row has at most ${limits.rowBytesMax} bytes as JSON, this one ${bytes}`,
    );
  }
}
