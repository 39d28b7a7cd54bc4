import type { Cell, ColumnSpec, Tables } from './tables.js';

/**
 * Writes rows to a Parquet file (zstd). The same columns and rows always give the same bytes. TIMESTAMP cells are epoch
 * milliseconds; each row has one cell for each column.
 *
 * @throws PlatformError TABLES_CELL_INVALID, naming row and column, where a cell is not of its column's type
 */
export function writeRows(
  tables: Tables,
  path: string,
  columns: readonly ColumnSpec[],
  rows: readonly (readonly Cell[])[],
): Promise<void> {
  return tables.write(path, columns, rows);
}
