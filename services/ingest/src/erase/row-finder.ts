import { quoteText, type Tables } from '@perennial/tables';
import { type ErasureKey, keySql } from './key.js';
import type { FoundRow } from './store.js';

const rowsAtOnce = 1_000;

/** Columns that tell a row of any file made of it: its id, and its time, since ids of two sources may be equal. */
const idColumn = '_p_row_id';
const timeColumn = '_p_event_time';

export interface FileToSearch {
  readonly path: string;
  /** Whose rows it holds; '' where that is not known. */
  readonly source: string;
  /** Whether rows are looked for by the key's own column, or only as rows that were found elsewhere. */
  readonly byKey: boolean;
}

/** Finds rows of a key in Parquet files: by its column, and in files without it by the ids of rows found elsewhere. */
export class RowFinder {
  readonly #tables: Tables;
  readonly #key: ErasureKey;

  private constructor(tables: Tables, key: ErasureKey) {
    this.#tables = tables;
    this.#key = key;
  }

  /** `tables` is a connection of its own. */
  static async open(tables: Tables, key: ErasureKey): Promise<RowFinder> {
    await tables.run('create or replace temp table erased_id (source varchar, id varchar, us bigint)');
    return new RowFinder(tables, key);
  }

  /** Rows that an earlier look has found. */
  async remember(rows: readonly FoundRow[]): Promise<void> {
    for (let start = 0; start < rows.length; start += rowsAtOnce) {
      const values = rows
        .slice(start, start + rowsAtOnce)
        .map(({ source, id, us }) => `(${quoteText(source)}, ${quoteText(id)}, ${us})`);
      await this.#tables.run(`insert into erased_id values ${values.join(', ')}`);
    }
  }

  /** Remembers the ids of the key's rows in a file that has the column. */
  async learn(file: FileToSearch): Promise<void> {
    const columns = await this.#columns(file.path);
    const where = this.#byKey(columns, file);
    if (!where || !columns.has(idColumn) || !columns.has(timeColumn)) return;
    await this.#tables.run(
      `insert into erased_id select distinct ${quoteText(file.source)}, ${idColumn}, epoch_us(${timeColumn})
       from read_parquet(${quoteText(file.path)}) where ${where} and ${idColumn} is not null`,
    );
  }

  /** The condition for the rows of a file that go; undefined where none can. */
  async condition(file: FileToSearch): Promise<string | undefined> {
    const columns = await this.#columns(file.path);
    const byKey = this.#byKey(columns, file);
    const byId =
      columns.has(idColumn) && columns.has(timeColumn)
        ? `(${idColumn}, epoch_us(${timeColumn})) in (select (id, us) from erased_id)`
        : undefined;
    const both = [byKey, byId].filter((one) => one !== undefined);
    return both.length ? `coalesce((${both.join(' or ')}), false)` : undefined;
  }

  /** Every row that was found. */
  async rows(): Promise<FoundRow[]> {
    const rows = await this.#tables.rows(
      // Microseconds of years far from now have more digits than a number of JavaScript.
      'select distinct source, id, us::varchar as us from erased_id where us is not null order by 1, 2, 3',
    );
    return rows.map((row) => ({
      source: String(row['source']),
      id: String(row['id']),
      us: String(row['us']),
    }));
  }

  #byKey(columns: ReadonlyMap<string, string>, { byKey }: FileToSearch): string | undefined {
    const type = byKey ? columns.get(this.#key.column) : undefined;
    return type && keySql(this.#key, type);
  }

  async #columns(path: string): Promise<Map<string, string>> {
    const rows = await this.#tables.rows(
      `select column_name, column_type from (describe select * from read_parquet(${quoteText(path)}))`,
    );
    return new Map(rows.map((row) => [String(row['column_name']), String(row['column_type'])]));
  }
}
