/** What a cell comes back as; see `Tables.rows`. */
export type Cell = string | number | boolean | null;

/** Values for `$name` in a query. */
export type Parameters = Record<string, Cell>;

export type ColumnType = 'DOUBLE' | 'VARCHAR' | 'BOOLEAN' | 'TIMESTAMP';

export interface ColumnSpec {
  readonly name: string;
  readonly type: ColumnType;
}

/**
 * One DuckDB connection. Calls may overlap: they run one after the other in the order they came, so that temporary
 * tables and settings are seen by what follows. A long query therefore delays the ones behind it; give it a `lane()`.
 *
 * All calls fail with PlatformError TABLES_QUERY_FAILED where DuckDB refuses the statement; its text is in `internal`.
 */
export interface Tables {
  /** Runs one statement or several, without a result. Parameters go with a single statement only. */
  run(sql: string, params?: Parameters): Promise<void>;
  /**
   * All rows. Integers and decimals come as numbers (TABLES_INTEGER_RANGE beyond 2^53), dates and timestamps as epoch
   * milliseconds in UTC, everything without a plain form as DuckDB's text of it.
   */
  rows(sql: string, params?: Parameters): Promise<Record<string, Cell>[]>;
  /** All rows by column: numbers, booleans (0, 1) and times with NaN for null; the rest as text with '' for null. */
  columns(sql: string, params?: Parameters): Promise<Record<string, Float64Array | string[]>>;
  /**
   * A query of numbers in chunks of at most 2,048 rows, for what is too large to be held: every column must be DOUBLE,
   * and null comes as NaN. The arrays are DuckDB's own memory, only to be read until `take` returns.
   */
  numbers(sql: string, take: (columns: readonly Float64Array[], rowCount: number) => void): Promise<void>;
  /** See `writeRows`, its public name. */
  write(path: string, columns: readonly ColumnSpec[], rows: readonly (readonly Cell[])[]): Promise<void>;
  /** A further connection to the same database, whose queries do not wait for this one's. Close it as well. */
  lane(): Promise<Tables>;
  /** Waits for what was asked before. The first connection takes the database with it: close lanes before. */
  close(): Promise<void>;
}
