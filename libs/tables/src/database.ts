import { type DuckDBConnection, DuckDBInstance, type DuckDBVector } from '@duckdb/node-api';
import { PlatformError } from '@perennial/kernel';
import { cellReader, numberReader, readText } from './cells.js';
import { quoteText } from './quote.js';
import { stage } from './stage.js';
import type { Cell, ColumnSpec, Parameters } from './tables.js';

/** Everything that needs the native library; loaded by the first query. */
export interface Database {
  connect(): Promise<Connection>;
  close(): void;
}

export async function openDatabase(options: Record<string, string>): Promise<Database> {
  const instance = await asking('open', () => DuckDBInstance.create(':memory:', options));
  return {
    connect: async () => {
      const connection = await instance.connect();
      await connection.run(`set TimeZone = 'UTC'`);
      return new Connection(connection);
    },
    close: () => instance.closeSync(),
  };
}

/** One connection; its caller makes sure that calls do not overlap. */
export class Connection {
  constructor(private readonly duck: DuckDBConnection) {}

  async run(sql: string, params?: Parameters): Promise<void> {
    await asking(sql, () => this.duck.run(sql, params));
  }

  async rows(sql: string, params?: Parameters): Promise<Record<string, Cell>[]> {
    return asking(sql, async () => {
      const result = await this.duck.stream(sql, params);
      const columns = result
        .deduplicatedColumnNames()
        .map((name, index) => ({ name, index, read: cellReader(result.columnTypeId(index), name) }));
      const rows: Record<string, Cell>[] = [];
      for await (const chunk of result) {
        const here = columns.map((column) => ({ ...column, vector: chunk.getColumnVector(column.index) }));
        for (let row = 0; row < chunk.rowCount; row++) {
          const cells: Record<string, Cell> = {};
          for (const { name, read, vector } of here) cells[name] = read(vector, row);
          rows.push(cells);
        }
      }
      return rows;
    });
  }

  async columns(sql: string, params?: Parameters): Promise<Record<string, Float64Array | string[]>> {
    return asking(sql, async () => {
      const result = await this.duck.stream(sql, params);
      const columns = result.deduplicatedColumnNames().map((name, index) => {
        const read = numberReader(result.columnTypeId(index), name);
        return { name, index, values: read ? new Numbers(read) : new Texts() };
      });
      for await (const chunk of result) {
        for (const { index, values } of columns) values.add(chunk.getColumnVector(index), chunk.rowCount);
      }
      return Object.fromEntries(columns.map(({ name, values }) => [name, values.finish()]));
    });
  }

  async numbers(
    sql: string,
    take: (columns: readonly Float64Array[], rowCount: number) => void,
  ): Promise<void> {
    await asking(sql, async () => {
      const result = await this.duck.stream(sql);
      const columns = Array.from({ length: result.columnCount }, (_, i) => i);
      for await (const chunk of result) {
        const { rowCount } = chunk;
        const arrays = columns.map((column) => doubles(chunk.getColumnVector(column), rowCount));
        take(arrays, rowCount);
      }
    });
  }

  async write(
    path: string,
    columns: readonly ColumnSpec[],
    rows: readonly (readonly Cell[])[],
  ): Promise<void> {
    await asking(`write ${path}`, async () => {
      const { table, drop } = await stage(this.duck, columns, rows);
      try {
        await this.duck.run(`copy ${table} to ${quoteText(path)} (format parquet, compression zstd)`);
      } finally {
        await drop();
      }
    });
  }

  close(): void {
    this.duck.disconnectSync();
  }
}

/** The cells of a vector; without a copy where none is null, since the vector holds them as we want them. */
function doubles(vector: DuckDBVector, rowCount: number): Float64Array {
  const { items, validity } = vector as unknown as { items?: unknown; validity?: { data: unknown } };
  if (items instanceof Float64Array && validity?.data === null) return items;
  return Float64Array.from({ length: rowCount }, (_, row) => {
    const value = vector.getItem(row);
    return value === null ? Number.NaN : Number(value);
  });
}

/** Values of a number column, in one array that doubles. */
class Numbers {
  #values = new Float64Array(1024);
  #count = 0;

  constructor(private readonly read: (vector: DuckDBVector, row: number) => number) {}

  add(vector: DuckDBVector, rowCount: number): void {
    if (this.#count + rowCount > this.#values.length) {
      const larger = new Float64Array(Math.max(this.#values.length * 2, this.#count + rowCount));
      larger.set(this.#values.subarray(0, this.#count));
      this.#values = larger;
    }
    for (let row = 0; row < rowCount; row++) {
      this.#values[this.#count++] = this.read(vector, row);
    }
  }

  finish(): Float64Array {
    return this.#values.slice(0, this.#count);
  }
}

class Texts {
  readonly #values: string[] = [];

  add(vector: DuckDBVector, rowCount: number): void {
    for (let row = 0; row < rowCount; row++) this.#values.push(readText(vector, row));
  }

  finish(): string[] {
    return this.#values;
  }
}

/** The longest piece of a statement that goes into the log. */
const loggedCharactersMax = 2_000;

async function asking<T>(sql: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof PlatformError) throw thrown;
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    throw new PlatformError(
      'TABLES_QUERY_FAILED',
      'us',
      'after',
      'a query over columnar data failed; see the log',
      {
        internal: `${text}\n${sql.slice(0, loggedCharactersMax)}`,
        cause: thrown,
      },
    );
  }
}
