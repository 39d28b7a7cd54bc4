import type { JsonObject } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import type { LabelledRow } from '../decide/model.js';
import type { KeptRow } from '../decide/prediction-rows.js';
import type { Label, Span } from '../effects/truth-files.js';
import type { Db } from '../tables.js';

export type TruthKind = 'rows' | 'labels';

export interface TruthSegment {
  readonly kind: TruthKind;
  /** Later ranks correct earlier ones. */
  readonly rank: string;
  readonly digest: string;
  readonly from: number;
  readonly to: number;
}

export interface Asked {
  readonly predictionId: string;
  readonly receivedAt: number;
  readonly system: string;
  readonly places: readonly Place[];
}

/** Where a row lies, for its label: its event time in ms, or null where it had none, and its key. */
export type Place = readonly [eventTime: number | null, key: JsonObject];

export interface KnownPrediction {
  readonly predictionId: string;
  readonly system: string;
  /** By ordinal. */
  readonly places: readonly Place[];
}

const dayMs = 86_400_000;

/** Predictions, labels, and what joins them. */
export class Rows {
  readonly #db: Db;
  readonly #tenant: string;

  constructor(db: Db, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  /** Remembers the ids and gives those that are new. */
  async addSeen(asked: readonly Asked[]): Promise<Set<string>> {
    const { rows } = await sql<{ prediction_id: string }>`
      insert into seen_prediction (tenant, prediction_id, received_at, system, places)
      select ${this.#tenant}, "predictionId", to_timestamp("receivedAt" / 1000.0), system, places
      from jsonb_to_recordset(${JSON.stringify(asked)}::jsonb)
        as asked ("predictionId" text, "receivedAt" double precision, system text, places jsonb)
      on conflict do nothing returning prediction_id`.execute(this.#db);
    return new Set(rows.map((row) => row.prediction_id));
  }

  /** What the predictions of the last days were about; unknown ids are absent. */
  async placesOf(predictionIds: readonly string[]): Promise<KnownPrediction[]> {
    if (predictionIds.length === 0) return [];
    const rows = await this.#db
      .selectFrom('seen_prediction')
      .select(['prediction_id', 'system', 'places'])
      .where('tenant', '=', this.#tenant)
      .where('prediction_id', 'in', predictionIds)
      .execute();
    return rows.map(({ prediction_id: predictionId, system, places }) => ({
      predictionId,
      system,
      places: places as Place[],
    }));
  }

  /** Forgets ids that were received so many days before the newest. */
  async forgetSeen(newestReceivedAt: number, days: number): Promise<void> {
    await this.#db
      .deleteFrom('seen_prediction')
      .where('tenant', '=', this.#tenant)
      .where('received_at', '<', new Date(newestReceivedAt - days * dayMs))
      .execute();
  }

  async count(
    system: string,
    counts: { predictions: number; failed: number; newest: number },
  ): Promise<void> {
    await sql`insert into prediction_count (tenant, system, predictions, failed, newest_received_at)
      values (${this.#tenant}, ${system}, ${counts.predictions}, ${counts.failed}, ${new Date(counts.newest)})
      on conflict (tenant, system) do update set
        predictions = prediction_count.predictions + excluded.predictions,
        failed = prediction_count.failed + excluded.failed,
        newest_received_at = greatest(prediction_count.newest_received_at, excluded.newest_received_at)`.execute(
      this.#db,
    );
  }

  /** Keeps the rows; of two answers to one row the earlier. A label that is there already stays. */
  async add(system: string, rows: readonly KeptRow[]): Promise<void> {
    if (rows.length === 0) return;
    await sql`
      insert into prediction_row (tenant, system, event_time, identity, prediction_id, received_at, epoch,
        served_version, served_value, by_champion, propensity, versions, answers, features)
      select ${this.#tenant}, ${system}, to_timestamp("eventTime" / 1000.0), identity, "predictionId",
        to_timestamp("receivedAt" / 1000.0), epoch, "servedVersion", "servedValue", "byChampion", propensity, versions, answers, features
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as row ("eventTime" double precision, identity text,
        "predictionId" text, "receivedAt" double precision, epoch bigint, "servedVersion" integer,
        "servedValue" double precision, "byChampion" boolean,
        propensity double precision, versions integer[], answers double precision[], features jsonb)
      on conflict (tenant, system, event_time, identity) do update set
        prediction_id = excluded.prediction_id, received_at = excluded.received_at, epoch = excluded.epoch,
        served_version = excluded.served_version, served_value = excluded.served_value,
        by_champion = excluded.by_champion, propensity = excluded.propensity, versions = excluded.versions, answers = excluded.answers,
        features = excluded.features
      where (excluded.received_at, excluded.prediction_id) < (prediction_row.received_at, prediction_row.prediction_id)`.execute(
      this.#db,
    );
  }

  async addTruth(source: string, segment: TruthSegment): Promise<void> {
    await this.#db
      .insertInto('truth_segment')
      .values({
        tenant: this.#tenant,
        source,
        kind: segment.kind,
        rank: segment.rank,
        digest: segment.digest,
        event_time_min: new Date(segment.from),
        event_time_max: new Date(segment.to),
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  /** Segments that may hold labels of the span, the latest last. */
  async truth(source: string, kind: TruthKind, { from, to }: Span): Promise<TruthSegment[]> {
    const rows = await this.#db
      .selectFrom('truth_segment')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .where('source', '=', source)
      .where('kind', '=', kind)
      .where('event_time_max', '>=', new Date(from))
      .where('event_time_min', '<=', new Date(to))
      .orderBy('rank')
      .execute();
    return rows.map((row) => ({
      kind,
      rank: row.rank,
      digest: row.digest,
      from: row.event_time_min.getTime(),
      to: row.event_time_max.getTime(),
    }));
  }

  /** The span of the rows that were asked about within the given one; undefined where there are none. */
  async askedWithin(system: string, { from, to }: Span): Promise<Span | undefined> {
    const row = await this.#db
      .selectFrom('prediction_row')
      .select(({ fn }) => [fn.min('event_time').as('from'), fn.max('event_time').as('to')])
      .where('tenant', '=', this.#tenant)
      .where('system', '=', system)
      .where('event_time', '>=', new Date(from))
      .where('event_time', '<=', new Date(to))
      .executeTakeFirst();
    return row?.from && row.to ? { from: row.from.getTime(), to: row.to.getTime() } : undefined;
  }

  /** Gives rows their labels, unless a later one is known, and says how many changed. */
  async label(system: string, rank: string, labels: readonly Label[]): Promise<number> {
    if (labels.length === 0) return 0;
    const result = await sql`
      update prediction_row as row set label = given.value, label_rank = ${rank}
      from jsonb_to_recordset(${JSON.stringify(labels)}::jsonb)
        as given ("eventTime" double precision, identity text, value double precision)
      where row.tenant = ${this.#tenant} and row.system = ${system}
        and row.event_time = to_timestamp(given."eventTime" / 1000.0) and row.identity = given.identity
        and (row.label_rank is null or row.label_rank < ${rank})`.execute(this.#db);
    return Number(result.numAffectedRows ?? 0n);
  }

  /** Labelled rows of a reign that the watch has not looked at, in order of event time. */
  async unwatched(system: string, reign: Reign, limit: number): Promise<LabelledRow[]> {
    return this.#labelled(sql`system = ${system} and label is not null and by_champion and not watched
      and served_version = ${reign.version} and epoch >= ${reign.startEpoch}
      order by event_time, identity limit ${limit}`);
  }

  /** The latest labelled rows of a reign that the watch has looked at, in order. */
  async watched(system: string, reign: Reign, limit: number): Promise<LabelledRow[]> {
    const rows = await this.#labelled(sql`system = ${system} and label is not null and by_champion and watched
      and served_version = ${reign.version} and epoch >= ${reign.startEpoch}
      order by event_time desc, identity desc limit ${limit}`);
    return rows.reverse();
  }

  /** The latest labelled rows of any version before a time, in order. */
  async before(system: string, eventTime: number, limit: number): Promise<LabelledRow[]> {
    const rows = await this.#labelled(sql`system = ${system} and label is not null
      and event_time < ${new Date(eventTime)} order by event_time desc, identity desc limit ${limit}`);
    return rows.reverse();
  }

  async #labelled(condition: ReturnType<typeof sql>): Promise<LabelledRow[]> {
    const { rows } = await sql<{
      event_time: Date;
      identity: string;
      label: number;
      served_value: number;
      features: LabelledRow['features'];
    }>`select event_time, identity, label, served_value, features from prediction_row
      where tenant = ${this.#tenant} and ${condition}`.execute(this.#db);
    return rows.map((row) => ({
      eventTime: row.event_time.getTime(),
      identity: row.identity,
      label: row.label,
      answer: row.served_value,
      features: row.features,
    }));
  }

  async markWatched(system: string, rows: readonly LabelledRow[]): Promise<void> {
    const places = rows.map(({ eventTime, identity }) => ({ at: eventTime, identity }));
    await sql`
      update prediction_row as row set watched = true
      from jsonb_to_recordset(${JSON.stringify(places)}::jsonb) as given (at double precision, identity text)
      where row.tenant = ${this.#tenant} and row.system = ${system}
        and row.event_time = to_timestamp(given.at / 1000.0) and row.identity = given.identity`.execute(
      this.#db,
    );
  }
}

export interface Reign {
  readonly version: number;
  readonly startEpoch: number;
}
