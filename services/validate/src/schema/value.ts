/** A cell of a row, as JSON has it; times are text or epoch milliseconds until they are read. */
export type Value = string | number | boolean | null | undefined;

/** What a column holds. */
export type ColumnType = 'number' | 'text' | 'boolean';

/** One row to be judged: opaque id, event time in ms since the epoch, and its own columns. */
export interface JudgedRow {
  readonly rowId: string;
  readonly eventTime: number;
  readonly values: Readonly<Record<string, Value>>;
}

/** The type of one cell, or undefined where it is missing. NaN and infinities are numbers, and no finite ones. */
export function typeOfValue(value: Value): ColumnType | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'number') return 'number';
  return typeof value === 'boolean' ? 'boolean' : 'text';
}

/** Whether this cell is the row's event time once more, as epoch milliseconds: it only grows, and is judged as a time. */
export function isEventTime(value: Value, row: JudgedRow): boolean {
  return typeof value === 'number' && value === row.eventTime;
}
