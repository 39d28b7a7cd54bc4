import {
  BOOLEAN,
  DOUBLE,
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBTimestampValue,
  type DuckDBType,
  type DuckDBValue,
  TIMESTAMP,
  VARCHAR,
} from '@duckdb/node-api';
import { invalid } from '@perennial/kernel';
import { quoteIdentifier } from './quote.js';
import type { Cell, ColumnSpec, ColumnType } from './tables.js';

/** DuckDB's vectors hold no more. */
const chunkRowsMax = 2_048;
const types: Record<ColumnType, DuckDBType> = { DOUBLE, VARCHAR, BOOLEAN, TIMESTAMP };
const jsTypes: Record<ColumnType, string> = {
  DOUBLE: 'number',
  VARCHAR: 'string',
  BOOLEAN: 'boolean',
  TIMESTAMP: 'number',
};

/** Brings rows into a temporary table. */
export async function stage(
  connection: DuckDBConnection,
  columns: readonly ColumnSpec[],
  rows: readonly (readonly Cell[])[],
): Promise<{ table: string; drop: () => Promise<void> }> {
  // Calls on a connection do not overlap, so that one name serves all.
  const table = '_p_staged';
  const declared = columns.map(({ name, type }) => `${quoteIdentifier(name)} ${type}`).join(', ');
  await connection.run(`create or replace temp table ${table} (${declared})`);
  const appender = await connection.createAppender(table, 'main', 'temp');
  try {
    for (let start = 0; start < rows.length; start += chunkRowsMax) {
      const part = rows.slice(start, start + chunkRowsMax);
      const chunk = DuckDBDataChunk.create(
        columns.map(({ type }) => types[type]),
        part.length,
      );
      for (const [index, column] of columns.entries()) {
        chunk.setColumnValues(
          index,
          part.map((row, offset) => checkedValue(row[index], column, start + offset)),
        );
      }
      appender.appendDataChunk(chunk);
    }
  } finally {
    appender.closeSync();
  }
  return { table, drop: async () => void (await connection.run(`drop table ${table}`)) };
}

function checkedValue(cell: Cell | undefined, { name, type }: ColumnSpec, row: number): DuckDBValue {
  if (cell === null) return null;
  const isTime = type === 'TIMESTAMP';
  if (typeof cell !== jsTypes[type] || (isTime && !Number.isFinite(cell))) {
    throw invalid('TABLES_CELL_INVALID', `row ${row}, column "${name}": ${String(cell)} is no ${type}`, {
      field: name,
    });
  }
  return isTime
    ? new DuckDBTimestampValue(BigInt(Math.round((cell as number) * 1_000)))
    : (cell as DuckDBValue);
}
