import { sql } from 'kysely';
import type { WindowValue } from './decide/aggregate.js';
import type { NeededSeries } from './decide/series.js';
import type { Arrival, Db } from './tables.js';

/** One value of a series, as it is kept. */
export interface KeptValue extends WindowValue {
  readonly byKey: string;
  readonly eventUs: number;
  readonly rowKey: string;
  /** Later labels for one target have greater positions. */
  readonly position: string;
}

/** What whoever asks a window sees: values, oldest first, and where each stands if the probe wants it whole. */
export interface Seen {
  readonly values: readonly WindowValue[];
  /** Event time of the newest one; undefined where there is none. */
  readonly newestUs: number | undefined;
  readonly places: readonly Pick<KeptValue, 'eventUs' | 'position'>[];
}

export interface SeriesState extends NeededSeries {
  /** Everything from here on is kept; undefined until the past is filled in. */
  readonly keptFromUs: number | undefined;
}

/** Who asks a window: values of `byKey` in [loUs, hiUs), or the `last` ones before hiUs. */
export interface WindowProbe {
  readonly seriesId: string;
  readonly byKey: string;
  readonly loUs: number | undefined;
  readonly hiUs: number;
  readonly last: number | undefined;
  /** Each value is wanted with its event time and position. */
  readonly isWhole?: boolean;
}

/**
 * Asks a statement that the server keeps planned under its name: to plan the look at windows takes longer than to look.
 */
export type Prepared = (
  name: string,
  query: { readonly sql: string; readonly parameters: readonly unknown[] },
) => Promise<unknown[]>;

/** Rows of one insert; PostgreSQL takes arrays of any length, memory does not. */
const rowsPerInsert = 5_000;

/** SQL about series and their values: the online store. */
export class WindowStore {
  readonly #db: Db;
  readonly #tenant: string;

  readonly #prepared: Prepared | undefined;

  /** With `prepared` windows are looked at outside of `db`'s transaction. */
  constructor(db: Db, tenant: string, prepared?: Prepared) {
    this.#db = db;
    this.#tenant = tenant;
    this.#prepared = prepared;
  }

  async seriesOfSource(source: string, kind?: Arrival): Promise<SeriesState[]> {
    let query = this.#db
      .selectFrom('series')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .where('source', '=', source);
    if (kind) query = query.where('kind', '=', kind);
    return (await query.orderBy('series_id').execute()).map(seriesFrom);
  }

  async series(ids: readonly string[]): Promise<Map<string, SeriesState>> {
    if (ids.length === 0) return new Map();
    const rows = await this.#db
      .selectFrom('series')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .where('series_id', 'in', ids)
      .execute();
    return new Map(rows.map((row) => [row.series_id, seriesFrom(row)]));
  }

  /** Makes a series that is to be filled, or, where it reaches further back than before, fills it again. */
  async need(series: NeededSeries, now: Date): Promise<void> {
    const { horizonUs, lastCount, ...definition } = series;
    await this.#db
      .insertInto('series')
      .values({
        tenant: this.#tenant,
        series_id: series.seriesId,
        source: series.source,
        kind: series.kind,
        definition: JSON.stringify(definition),
        horizon_us: horizonUs,
        last_count: lastCount,
        kept_from_us: null,
        next_at: now,
        leased_until: null,
      })
      .onConflict((conflict) =>
        conflict.columns(['tenant', 'series_id']).doUpdateSet({
          horizon_us: horizonUs,
          last_count: lastCount,
          // A narrower need keeps too much for a while; a wider one has gaps until it is filled.
          kept_from_us: sql`case when series.horizon_us >= excluded.horizon_us and series.last_count >= excluded.last_count
            then series.kept_from_us end`,
          next_at: now,
          // Whoever is filling it fills too little.
          epoch: sql`series.epoch + 1`,
          begun: 0,
          leased_until: null,
        }),
      )
      .execute();
  }

  /** Forgets series of a source that nobody needs any longer, with their values. */
  async dropOthers(source: string, needed: readonly string[]): Promise<void> {
    const unneeded = (await this.seriesOfSource(source)).filter(({ seriesId }) => !needed.includes(seriesId));
    for (const { seriesId } of unneeded) {
      for (const table of ['window_value', 'series'] as const) {
        await this.#db
          .deleteFrom(table)
          .where('tenant', '=', this.#tenant)
          .where('series_id', '=', seriesId)
          .execute();
      }
    }
  }

  /** Keeps values; a value that is there already gives way to one with a later position. */
  async keep(seriesId: string, values: readonly KeptValue[]): Promise<void> {
    for (let start = 0; start < values.length; start += rowsPerInsert) {
      const part = values.slice(start, start + rowsPerInsert);
      const column = <T>(read: (value: KeptValue) => T) => part.map(read);
      await sql`
        insert into window_value (tenant, series_id, by_key, event_us, row_key, position, number, text)
        select ${this.#tenant}, ${seriesId}, v.* from unnest(
          ${column((v) => v.byKey)}::text[], ${column((v) => v.eventUs)}::bigint[], ${column((v) => v.rowKey)}::text[],
          ${column((v) => v.position)}::text[], ${column((v) => v.number)}::double precision[],
          ${column((v) => v.text)}::text[]) as v
        on conflict (tenant, series_id, by_key, event_us, row_key) do update
        set position = excluded.position, number = excluded.number, text = excluded.text
        where window_value.position < excluded.position`.execute(this.#db);
    }
  }

  /**
   * Forgets what no window can want any longer, once the newest data lies at `keptFromUs` and the horizon; of the
   * groups named, all but the last values before that where a window counts.
   */
  async prune(series: NeededSeries, keptFromUs: number, byKeys: readonly string[]): Promise<void> {
    const mine = sql`tenant = ${this.#tenant} and series_id = ${series.seriesId} and event_us < ${keptFromUs}`;
    if (series.lastCount === 0) {
      await sql`delete from window_value where ${mine}`.execute(this.#db);
      return;
    }
    // By ctid: the statistics of a table that changes so much would mislead a join on its key.
    await sql`
      delete from window_value where ctid = any(array(
        select ctid from (
          select ctid, row_number() over (partition by by_key order by event_us desc, row_key desc) as place
          from window_value where ${mine} and by_key = any(${byKeys}::text[])
        ) old where place > ${series.lastCount}
      ))`.execute(this.#db);
  }

  /** Moves the bound of what is kept forward; a series that is not filled yet has none. */
  async advance(seriesId: string, keptFromUs: number): Promise<void> {
    await this.#db
      .updateTable('series')
      .set({ kept_from_us: sql`greatest(kept_from_us, ${keptFromUs})` })
      .where('tenant', '=', this.#tenant)
      .where('series_id', '=', seriesId)
      .where('kept_from_us', 'is not', null)
      .execute();
  }

  /** The past is filled in by whoever holds this epoch; false where another does, or more is needed by now. */
  async filled(seriesId: string, epoch: number, keptFromUs: number): Promise<boolean> {
    const result = await this.#db
      .updateTable('series')
      .set({ kept_from_us: keptFromUs, leased_until: null })
      .where('tenant', '=', this.#tenant)
      .where('series_id', '=', seriesId)
      .where('epoch', '=', epoch)
      .executeTakeFirst();
    return result.numUpdatedRows === 1n;
  }

  /**
   * For each probe the values in its window, oldest first; undefined where what is kept does not reach so far back. One
   * statement, so that the bound of what is kept and the values are of one moment; and one row a probe, for rows cost
   * more than what is in them.
   */
  async look(probes: readonly WindowProbe[]): Promise<(Seen | undefined)[]> {
    if (probes.length === 0) return [];
    const column = <T>(read: (probe: WindowProbe, place: number) => T) => probes.map(read);
    const newestFirst = sql`order by w.event_us desc, w.row_key desc`;
    const query = sql<SeenRow>`
      select p.i, v.numbers, v.texts, v.newest, v.times, v.positions
      from unnest(
        ${column((_, place) => place)}::integer[], ${column((p) => p.seriesId)}::text[],
        ${column((p) => p.byKey)}::text[], ${column((p) => p.loUs ?? null)}::bigint[],
        ${column((p) => p.hiUs)}::bigint[], ${column((p) => p.last ?? null)}::bigint[],
        ${column((p) => p.isWhole ?? false)}::boolean[]
      ) as p(i, series_id, by_key, lo, hi, last, whole)
      join series s on s.tenant = ${this.#tenant} and s.series_id = p.series_id
        and s.kept_from_us <= coalesce(p.lo, p.hi)
      left join lateral (
        select json_agg(w.number ${newestFirst}) as numbers,
          json_agg(w.text ${newestFirst}) as texts, max(w.event_us) as newest,
          json_agg(w.event_us ${newestFirst}) filter (where p.whole) as times,
          json_agg(w.position ${newestFirst}) filter (where p.whole) as positions
        from (
          select number, text, event_us, row_key, position from window_value w
          where w.tenant = ${this.#tenant} and w.series_id = p.series_id and w.by_key = p.by_key
            and w.event_us >= coalesce(p.lo, ${beforeAllTime}) and w.event_us < p.hi
          order by w.event_us desc, w.row_key desc limit p.last
        ) w
      ) v on true`;
    const rows = this.#prepared
      ? ((await this.#prepared('window-look', query.compile(this.#db))) as SeenRow[])
      : (await query.execute(this.#db)).rows;
    const seen: (Seen | undefined)[] = probes.map(() => undefined);
    for (const row of rows) seen[row.i] = seenFrom(row);
    return seen;
  }
}

/** What a window shows, newest first; null where nothing is in it. */
interface SeenRow {
  readonly i: number;
  readonly numbers: (number | null)[] | null;
  readonly texts: (string | null)[] | null;
  readonly newest: string | null;
  readonly times: number[] | null;
  readonly positions: string[] | null;
}

function seenFrom({ numbers, texts, newest, times, positions }: SeenRow): Seen {
  const values = (numbers ?? []).map((number, at) => ({ number, text: texts?.[at] ?? null }));
  return {
    values: values.reverse(),
    newestUs: newest === null ? undefined : Number(newest),
    places: (times ?? []).map((eventUs, at) => ({ eventUs, position: positions?.[at] ?? '' })).reverse(),
  };
}

/** The least bigint. */
const beforeAllTime = sql.lit('-9223372036854775808');

function seriesFrom(row: {
  series_id: string;
  definition: string;
  horizon_us: string;
  last_count: number;
  kept_from_us: string | null;
}): SeriesState {
  return {
    ...(JSON.parse(row.definition) as NeededSeries),
    horizonUs: Number(row.horizon_us),
    lastCount: row.last_count,
    keptFromUs: row.kept_from_us === null ? undefined : Number(row.kept_from_us),
  };
}
