import { DuckDBTypeId, type DuckDBVector } from '@duckdb/node-api';
import { PlatformError } from '@perennial/kernel';
import type { Cell } from './tables.js';

type Reader<T> = (vector: DuckDBVector, row: number) => T;

/** How a time's value object counts: the property that holds the count, and how many of it are a millisecond. */
const times = new Map<DuckDBTypeId, { count: string; inMs: number }>([
  [DuckDBTypeId.TIMESTAMP, { count: 'micros', inMs: 1e3 }],
  [DuckDBTypeId.TIMESTAMP_TZ, { count: 'micros', inMs: 1e3 }],
  [DuckDBTypeId.TIMESTAMP_NS, { count: 'nanos', inMs: 1e6 }],
  [DuckDBTypeId.TIMESTAMP_MS, { count: 'millis', inMs: 1 }],
  [DuckDBTypeId.TIMESTAMP_S, { count: 'seconds', inMs: 1 / 1_000 }],
  [DuckDBTypeId.DATE, { count: 'days', inMs: 1 / 86_400_000 }],
]);
const smallNumbers = new Set<DuckDBTypeId>([
  DuckDBTypeId.TINYINT,
  DuckDBTypeId.SMALLINT,
  DuckDBTypeId.INTEGER,
  DuckDBTypeId.UTINYINT,
  DuckDBTypeId.USMALLINT,
  DuckDBTypeId.UINTEGER,
  DuckDBTypeId.FLOAT,
  DuckDBTypeId.DOUBLE,
]);
const largeIntegers = new Set<DuckDBTypeId>([
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UHUGEINT,
]);

/** Reads cells of a type as `Tables.rows` gives them. */
export function cellReader(typeId: DuckDBTypeId, column: string): Reader<Cell> {
  if (typeId === DuckDBTypeId.BOOLEAN || typeId === DuckDBTypeId.VARCHAR) {
    return (vector, row) => vector.getItem(row) as Cell;
  }
  const number = nullableNumberReader(typeId, column);
  if (number) return number;
  return (vector, row) => {
    const value = vector.getItem(row);
    return value === null ? null : String(value);
  };
}

/** Reads cells of a type as numbers with NaN for null; undefined for types that have no number. */
export function numberReader(typeId: DuckDBTypeId, column: string): Reader<number> | undefined {
  if (typeId === DuckDBTypeId.BOOLEAN) {
    return (vector, row) => {
      const value = vector.getItem(row);
      return value === null ? Number.NaN : Number(value);
    };
  }
  const number = nullableNumberReader(typeId, column);
  return number && ((vector, row) => number(vector, row) ?? Number.NaN);
}

/** Reads cells of any other type as text, '' for null. */
export function readText(vector: DuckDBVector, row: number): string {
  const value = vector.getItem(row);
  return value === null ? '' : String(value);
}

function nullableNumberReader(typeId: DuckDBTypeId, column: string): Reader<number | null> | undefined {
  if (smallNumbers.has(typeId)) return (vector, row) => vector.getItem(row) as number | null;
  if (largeIntegers.has(typeId)) {
    return (vector, row) => {
      const value = vector.getItem(row) as bigint | null;
      return value === null ? null : safeInteger(value, column);
    };
  }
  if (typeId === DuckDBTypeId.DECIMAL) {
    return (vector, row) => (vector.getItem(row) as { toDouble(): number } | null)?.toDouble() ?? null;
  }
  const time = times.get(typeId);
  if (time) {
    return (vector, row) => {
      const value = vector.getItem(row) as Record<string, bigint | number> | null;
      return value === null ? null : Number(value[time.count]) / time.inMs;
    };
  }
  return undefined;
}

function safeInteger(value: bigint, column: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new PlatformError(
    'TABLES_INTEGER_RANGE',
    'caller',
    'never',
    `${column}: ${value} has more than 53 bits; cast it to DOUBLE or VARCHAR`,
    { field: column },
  );
}
