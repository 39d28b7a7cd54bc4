import { sql } from 'kysely';
import type { Arrival, Db, SegmentTable } from './tables.js';

export type Segment = Pick<
  SegmentTable,
  'source' | 'kind' | 'segment_id' | 'repair_id' | 'digest' | 'rows' | 'place'
> & {
  /** Microseconds since the epoch, UTC. */
  readonly minUs: number;
  readonly maxUs: number;
};

export interface SourceState {
  readonly source: string;
  readonly rows: number;
  readonly labels: number;
  readonly newestRowUs: number | undefined;
  readonly newestLabelUs: number | undefined;
}

/** The newest event time of a source, rows and labels together. */
export function newestUs({ newestRowUs, newestLabelUs }: SourceState): number | undefined {
  if (newestRowUs === undefined || newestLabelUs === undefined) return newestRowUs ?? newestLabelUs;
  return Math.max(newestRowUs, newestLabelUs);
}

/** SQL about sources, their segments and the systems that read them. */
export class Store {
  readonly #db: Db;
  readonly #tenant: string;

  constructor(db: Db, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  /** The source's state, made when absent and locked until the transaction ends. */
  async lockSource(source: string): Promise<SourceState> {
    await this.#db
      .insertInto('source')
      .values({
        tenant: this.#tenant,
        source,
        rows: 0,
        labels: 0,
        newest_row_us: null,
        newest_label_us: null,
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    const row = await this.#db
      .selectFrom('source')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .where('source', '=', source)
      .forUpdate()
      .executeTakeFirstOrThrow();
    return stateOf(row);
  }

  async source(source: string): Promise<SourceState | undefined> {
    const row = await this.#db
      .selectFrom('source')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .where('source', '=', source)
      .executeTakeFirst();
    return row && stateOf(row);
  }

  async sources(): Promise<SourceState[]> {
    const rows = await this.#db
      .selectFrom('source')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .orderBy('source')
      .execute();
    return rows.map(stateOf);
  }

  /** Adds a segment and counts it; false where it was there before. The source is locked. */
  async addSegment({ minUs, maxUs, ...segment }: Segment): Promise<boolean> {
    const added = await this.#db
      .insertInto('segment')
      .values({
        tenant: this.#tenant,
        ...segment,
        event_time_min_us: minUs,
        event_time_max_us: maxUs,
      })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    if (added.numInsertedOrUpdatedRows !== 1n) return false;
    const [count, newest] =
      segment.kind === 'rows'
        ? (['rows', 'newest_row_us'] as const)
        : (['labels', 'newest_label_us'] as const);
    await this.#db
      .updateTable('source')
      .set({
        [count]: sql`${sql.ref(count)} + ${segment.rows}`,
        [newest]: sql`greatest(${sql.ref(newest)}, ${maxUs})`,
      })
      .where('tenant', '=', this.#tenant)
      .where('source', '=', segment.source)
      .execute();
    return true;
  }

  /** Segments of a source in the order they were recorded, as of now; of a span those that touch [fromUs, toUs). */
  async segments(
    source: string,
    { kind, fromUs, toUs }: { kind?: Arrival; fromUs?: number | undefined; toUs?: number | undefined } = {},
  ): Promise<{ digest: string; kind: Arrival; place: string; maxUs: number }[]> {
    let query = this.#db
      .selectFrom('segment')
      .select(['digest', 'kind', 'place', 'event_time_max_us'])
      .where('tenant', '=', this.#tenant)
      .where('source', '=', source);
    if (kind) query = query.where('kind', '=', kind);
    if (fromUs !== undefined) query = query.where('event_time_max_us', '>=', String(fromUs));
    if (toUs !== undefined) query = query.where('event_time_min_us', '<', String(toUs));
    const rows = await query.orderBy('place').orderBy('digest').execute();
    return rows.map((row) => ({
      digest: row.digest,
      kind: row.kind,
      place: row.place,
      maxUs: Number(row.event_time_max_us),
    }));
  }

  /** Keeps a version of a system; false where it was there before. */
  async addView(view: {
    system: string;
    version: number;
    source: string;
    specJson: string;
    specDigest: string;
  }): Promise<boolean> {
    const added = await this.#db
      .insertInto('feature_view')
      .values({
        tenant: this.#tenant,
        system: view.system,
        version: view.version,
        source: view.source,
        spec_json: view.specJson,
        spec_digest: view.specDigest,
      })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    return added.numInsertedOrUpdatedRows === 1n;
  }

  /** Which version of a system is the newest: without its text, which is long and known after the first time. */
  async newestView(system: string): Promise<{ version: number; specDigest: string } | undefined> {
    const row = await this.#db
      .selectFrom('feature_view')
      .select(['version', 'spec_digest'])
      .where('tenant', '=', this.#tenant)
      .where('system', '=', system)
      .orderBy('version', 'desc')
      .limit(1)
      .executeTakeFirst();
    return row && { version: row.version, specDigest: row.spec_digest };
  }

  /** Which version is the newest, and the event time of the newest data of the source that it reads. */
  async newestOf(
    system: string,
  ): Promise<{ version: number; specDigest: string; newestUs: number | undefined } | undefined> {
    const { rows } = await sql<{ version: number; spec_digest: string; newest: string | null }>`
      select v.version, v.spec_digest, (
        select greatest(s.newest_row_us, s.newest_label_us) from source s
        where s.tenant = v.tenant and s.source = v.source
      ) as newest
      from feature_view v where v.tenant = ${this.#tenant} and v.system = ${system}
      order by v.version desc limit 1`.execute(this.#db);
    const [row] = rows;
    return (
      row && {
        version: row.version,
        specDigest: row.spec_digest,
        newestUs: row.newest === null ? undefined : Number(row.newest),
      }
    );
  }

  /** A version of a system, the newest where none is named. */
  async view(
    system: string,
    version?: number,
  ): Promise<{ version: number; source: string; specJson: string; specDigest: string } | undefined> {
    let query = this.#db
      .selectFrom('feature_view')
      .select(['version', 'source', 'spec_json', 'spec_digest'])
      .where('tenant', '=', this.#tenant)
      .where('system', '=', system);
    if (version !== undefined) query = query.where('version', '=', version);
    const row = await query.orderBy('version', 'desc').limit(1).executeTakeFirst();
    return (
      row && {
        version: row.version,
        source: row.source,
        specJson: row.spec_json,
        specDigest: row.spec_digest,
      }
    );
  }

  /** The newest version of every system. */
  async newestSpecs(): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('feature_view')
      .distinctOn('system')
      .select(['spec_json'])
      .where('tenant', '=', this.#tenant)
      .orderBy('system')
      .orderBy('version', 'desc')
      .execute();
    return rows.map((row) => row.spec_json);
  }
}

function stateOf(row: {
  source: string;
  rows: string;
  labels: string;
  newest_row_us: string | null;
  newest_label_us: string | null;
}): SourceState {
  const optional = (text: string | null) => (text === null ? undefined : Number(text));
  return {
    source: row.source,
    rows: Number(row.rows),
    labels: Number(row.labels),
    newestRowUs: optional(row.newest_row_us),
    newestLabelUs: optional(row.newest_label_us),
  };
}
