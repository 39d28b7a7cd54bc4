import { PlatformError } from '@perennial/kernel';
import type { Connection, Database } from './database.js';
import type { Cell, ColumnSpec, Parameters, Tables } from './tables.js';

/** A queue before one connection. */
export class Lane implements Tables {
  #last: Promise<unknown> = Promise.resolve();
  #connection: Promise<Connection> | undefined;
  #isClosed = false;

  constructor(
    private readonly open: () => Promise<Database>,
    private readonly afterClose: () => Promise<void>,
  ) {}

  run(sql: string, params?: Parameters): Promise<void> {
    return this.#enqueue((connection) => connection.run(sql, params));
  }

  rows(sql: string, params?: Parameters): Promise<Record<string, Cell>[]> {
    return this.#enqueue((connection) => connection.rows(sql, params));
  }

  columns(sql: string, params?: Parameters): Promise<Record<string, Float64Array | string[]>> {
    return this.#enqueue((connection) => connection.columns(sql, params));
  }

  numbers(sql: string, take: (columns: readonly Float64Array[], rowCount: number) => void): Promise<void> {
    return this.#enqueue((connection) => connection.numbers(sql, take));
  }

  write(path: string, columns: readonly ColumnSpec[], rows: readonly (readonly Cell[])[]): Promise<void> {
    return this.#enqueue((connection) => connection.write(path, columns, rows));
  }

  async lane(): Promise<Tables> {
    return new Lane(this.open, async () => {});
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#last;
    if (this.#connection) (await this.#connection).close();
    await this.afterClose();
  }

  #enqueue<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    if (this.#isClosed) {
      return Promise.reject(new PlatformError('TABLES_CLOSED', 'us', 'never', 'the tables are closed'));
    }
    const result = this.#last.then(async () => {
      this.#connection ??= this.open().then((database) => database.connect());
      return work(await this.#connection);
    });
    this.#last = result.catch(() => {});
    return result;
  }
}
