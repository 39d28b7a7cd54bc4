import { type Kysely, sql, type Transaction } from 'kysely';
import type { ErasureKey } from './key.js';

/** A file that held the key; `by` is what is left of it. */
export interface ReplacedFile {
  readonly digest: string;
  readonly by: string;
  readonly rows: number;
  readonly bytes: number;
  readonly what: string;
}

/** A row that was found: its source ('' where that is not known), its id, and its time in microseconds, as digits. */
export interface FoundRow {
  readonly source: string;
  readonly id: string;
  readonly us: string;
}

const rowsAtOnce = 10_000;

export interface Place {
  readonly service: string;
  readonly what: string;
  readonly name: string;
  readonly rows: number;
  readonly action: string;
}

export interface Erasure extends Omit<ErasureKey, 'value'> {
  readonly erasureId: string;
  /** Absent once it is done. */
  readonly value: string | undefined;
  readonly keyDigest: string;
  readonly source: string;
  readonly requestedBy: string;
  readonly requestedAt: Date;
  readonly doneAt: Date | undefined;
  readonly replaced: readonly ReplacedFile[];
  readonly places: readonly Place[];
}

interface Tables {
  erasure: {
    tenant: string;
    erasure_id: string;
    column_name: string;
    key_value: string | null;
    key_digest: string;
    source: string;
    requested_by: string;
    requested_at: Date;
    done_at: Date | null;
    replaced: readonly ReplacedFile[];
    places: readonly Place[];
  };
}

/** The service's database, as erasures see it. */
export type ErasureDb = Kysely<Tables> | Transaction<Tables>;

/** SQL about the erasures of one tenant. */
export class ErasureStore {
  readonly #db: ErasureDb;
  readonly #tenant: string;

  constructor(db: ErasureDb, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  async begin(erasure: Omit<Erasure, 'doneAt' | 'replaced' | 'places'>): Promise<void> {
    await sql`
      insert into erasure (tenant, erasure_id, column_name, key_value, key_digest, source, requested_by, requested_at)
      values (${this.#tenant}, ${erasure.erasureId}::uuid, ${erasure.column}, ${erasure.value ?? null},
              ${erasure.keyDigest}, ${erasure.source}, ${erasure.requestedBy}, ${erasure.requestedAt})`.execute(
      this.#db,
    );
  }

  /** Remembers what was done, before what held the key is gone. */
  async add(erasureId: string, done: { replaced?: ReplacedFile; places?: readonly Place[] }): Promise<void> {
    const { replaced, places = [] } = done;
    await sql`
      update erasure set replaced = replaced || ${JSON.stringify(replaced ? [replaced] : [])}::jsonb,
        places = places || ${JSON.stringify(places)}::jsonb
      where tenant = ${this.#tenant} and erasure_id = ${erasureId}::uuid`.execute(this.#db);
  }

  /** Rows that belong to the key; kept until the end. */
  async addRows(erasureId: string, rows: readonly FoundRow[]): Promise<void> {
    for (let start = 0; start < rows.length; start += rowsAtOnce) {
      const part = rows.slice(start, start + rowsAtOnce);
      await sql`
        insert into erasure_row (tenant, erasure_id, source, row_id, event_us)
        select ${this.#tenant}, ${erasureId}::uuid, source, id, us
        from unnest(${part.map((row) => row.source)}::text[], ${part.map((row) => row.id)}::text[],
                    ${part.map((row) => row.us)}::bigint[]) as found(source, id, us)
        on conflict do nothing`.execute(this.#db);
    }
  }

  async rows(erasureId: string): Promise<FoundRow[]> {
    const { rows } = await sql<FoundRow>`
      select source, row_id as id, event_us as us from erasure_row
      where tenant = ${this.#tenant} and erasure_id = ${erasureId}::uuid`.execute(this.#db);
    return rows;
  }

  /** Ends it and forgets the value. @returns false where it has ended before */
  async end(erasureId: string, now: Date): Promise<boolean> {
    const { numAffectedRows } = await sql`
      update erasure set done_at = ${now}, key_value = null
      where tenant = ${this.#tenant} and erasure_id = ${erasureId}::uuid and done_at is null`.execute(
      this.#db,
    );
    await sql`delete from erasure_row where tenant = ${this.#tenant} and erasure_id = ${erasureId}::uuid`.execute(
      this.#db,
    );
    return numAffectedRows === 1n;
  }

  async find(erasureId: string): Promise<Erasure | undefined> {
    const rows = await this.#rows((query) => query.where('erasure_id', '=', erasureId));
    return rows[0];
  }

  running(): Promise<Erasure[]> {
    return this.#rows((query) => query.where('done_at', 'is', null));
  }

  /** Newest first. */
  all(): Promise<Erasure[]> {
    return this.#rows((query) => query);
  }

  async #rows(narrow: (query: ReturnType<ErasureStore['query']>) => ReturnType<ErasureStore['query']>) {
    const rows = await narrow(this.query()).orderBy('requested_at', 'desc').execute();
    return rows.map(
      (row): Erasure => ({
        erasureId: row.erasure_id,
        column: row.column_name,
        value: row.key_value ?? undefined,
        keyDigest: row.key_digest,
        source: row.source,
        requestedBy: row.requested_by,
        requestedAt: row.requested_at,
        doneAt: row.done_at ?? undefined,
        replaced: row.replaced,
        places: row.places,
      }),
    );
  }

  private query() {
    return this.#db.selectFrom('erasure').selectAll().where('tenant', '=', this.#tenant);
  }
}
