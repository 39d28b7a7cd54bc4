import { asPlatformError, invalid, limits, type PlatformError, parseEventTime } from '@perennial/kernel';

/** A cell as it is kept: objects and arrays travel as JSON text. */
export type Cell = string | number | boolean | null;

/** A row that may be kept. Times are ms since the epoch. */
export interface ArrivingRow {
  readonly rowId: string;
  readonly eventTime: number;
  readonly values: Readonly<Record<string, Cell>>;
}

/** Columns in one row; a record, not a document. */
const columnsMax = 1_000;
const columnNameMax = 128;
/** Ours: beside the sender's columns in every segment. */
export const reservedPrefix = '_p_';

/**
 * Reads one JSON value as a row.
 *
 * @throws PlatformError ROW_MALFORMED, ROW_TOO_WIDE, ROW_COLUMN_NAME or ROW_EVENT_TIME, naming the field
 */
export function readRow(value: unknown, rowId: string, timeColumn: string): ArrivingRow {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw invalid('ROW_MALFORMED', `a row is a JSON object, not ${JSON.stringify(value)?.slice(0, 40)}`);
  }
  const members = Object.entries(value);
  if (members.length === 0) throw invalid('ROW_MALFORMED', 'the row has no columns');
  if (members.length > columnsMax) {
    throw invalid('ROW_TOO_WIDE', `the row has ${members.length} columns; at most ${columnsMax} are taken`);
  }
  const values: Record<string, Cell> = {};
  const names = new Set<string>();
  for (const [name, cell] of members) {
    checkColumnName(name);
    if (names.size === names.add(name.toLowerCase()).size) {
      throw invalid('ROW_COLUMN_NAME', `${name}: two columns differ by case alone`, { field: name });
    }
    Object.defineProperty(values, name, { value: asCell(cell), enumerable: true });
  }
  return { rowId, eventTime: eventTimeOf(value as Record<string, unknown>, timeColumn), values };
}

/** @throws PlatformError ROW_COLUMN_NAME */
export function checkColumnName(name: string): void {
  if (name === '' || name.length > columnNameMax) {
    throw invalid('ROW_COLUMN_NAME', `a column name has 1 to ${columnNameMax} characters`, {
      field: name.slice(0, 40),
    });
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

function asCell(cell: unknown): Cell {
  if (cell === null || typeof cell === 'string' || typeof cell === 'number' || typeof cell === 'boolean')
    return cell;
  return JSON.stringify(cell) ?? null;
}

function eventTimeOf(row: Record<string, unknown>, timeColumn: string): number {
  const cell = Object.hasOwn(row, timeColumn) ? row[timeColumn] : undefined;
  if (cell === undefined || cell === null) {
    throw invalid('ROW_EVENT_TIME', `${timeColumn} is missing; it is the event time of this source`, {
      field: timeColumn,
    });
  }
  try {
    return parseEventTime(cell, timeColumn);
  } catch (error) {
    throw invalid('ROW_EVENT_TIME', asPlatformError(error).message, { field: timeColumn });
  }
}

/** A row that was not taken. */
export interface RefusedRow {
  readonly ordinal: number;
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
