import { type Kysely, sql } from 'kysely';
import type { Kind } from '../store.js';
import type { Known } from './decide.js';

export interface WatchedFile extends Known {
  readonly source: string;
  readonly kind: Kind;
  readonly name: string;
  readonly taken: number;
  readonly duplicates: number;
  readonly refused: number;
  readonly message: string;
  readonly lookedAt: Date;
}

export type WatchDb = Kysely<unknown>;

/** SQL about watched files of one tenant. */
export class WatchStore {
  readonly #db: WatchDb;
  readonly #tenant: string;

  constructor(db: WatchDb, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  /** The newest document of every source that was declared by one. */
  async documents(): Promise<string[]> {
    const { rows } = await sql<{ document_json: string }>`
      select distinct on (source) document_json from source_document
      where tenant = ${this.#tenant} order by source, version desc`.execute(this.#db);
    return rows.map((row) => row.document_json);
  }

  async known(source: string, kind: Kind, names: readonly string[]): Promise<Map<string, Known>> {
    const { rows } = await sql<{ name: string } & Known>`
      select name, status, mark from watched_file
      where tenant = ${this.#tenant} and source = ${source} and kind = ${kind}
        and name = any(${[...names]}::text[])`.execute(this.#db);
    return new Map(rows.map(({ name, ...known }) => [name, known]));
  }

  async save(file: Omit<WatchedFile, 'lookedAt'>, now: Date): Promise<void> {
    const { source, kind, name, mark, status, taken, duplicates, refused, message } = file;
    await sql`
      insert into watched_file
        (tenant, source, kind, name, mark, status, taken, duplicates, refused, message, looked_at)
      values (${this.#tenant}, ${source}, ${kind}, ${name}, ${mark}, ${status}, ${taken}, ${duplicates}, ${refused},
              ${message}, ${now})
      on conflict (tenant, source, kind, name) do update set mark = excluded.mark, status = excluded.status,
        taken = excluded.taken, duplicates = excluded.duplicates, refused = excluded.refused,
        message = excluded.message, looked_at = excluded.looked_at`.execute(this.#db);
  }

  /** What was taken stays; only that there is other content by now is added. */
  async changed(
    { source, kind, name, mark }: Pick<WatchedFile, 'source' | 'kind' | 'name' | 'mark'>,
    { message, now }: { message: string; now: Date },
  ): Promise<void> {
    await sql`
      update watched_file set mark = ${mark}, status = 'changed', message = ${message}, looked_at = ${now}
      where tenant = ${this.#tenant} and source = ${source} and kind = ${kind} and name = ${name}`.execute(
      this.#db,
    );
  }

  async forget({ source, kind, name }: Pick<WatchedFile, 'source' | 'kind' | 'name'>): Promise<void> {
    await sql`
      delete from watched_file
      where tenant = ${this.#tenant} and source = ${source} and kind = ${kind} and name = ${name}`.execute(
      this.#db,
    );
  }

  /** Those that were looked at last first. */
  async list(source: string, limit: number): Promise<WatchedFile[]> {
    const { rows } = await sql<Omit<WatchedFile, 'lookedAt'> & { looked_at: Date }>`
      select source, kind, name, mark, status, taken, duplicates, refused, message, looked_at from watched_file
      where tenant = ${this.#tenant} and (${source} = '' or source = ${source})
      order by looked_at desc, name limit ${limit}`.execute(this.#db);
    return rows.map(({ looked_at, ...file }) => ({ ...file, lookedAt: looked_at }));
  }
}
