import { sql } from 'kysely';
import type { Kind, Store } from '../store.js';

/** The way that rows came. */
export type Way = 'http' | 'grpc' | 'files' | 'bus';

/** What one producer sent in one body, or in one batch of the bus. */
export interface Delivery {
  readonly source: string;
  readonly kind: Kind;
  readonly producer: string;
  readonly way: Way;
  /** Bodies, or messages of the bus. */
  readonly messages: number;
  readonly rows: number;
  readonly duplicates: number;
  readonly refused: number;
  readonly late: number;
  readonly bytes: number;
  /** Newest of the rows that were taken, in ms since the epoch; undefined where none was. */
  readonly eventTimeMax: number | undefined;
}

/** Counts what came, for its producer and for the hour. */
export async function countDelivery(
  tx: Store,
  { tenant, delivery, now }: { tenant: string; delivery: Delivery; now: number },
): Promise<void> {
  const { source, kind, producer, way, messages, rows, duplicates, refused, late, bytes } = delivery;
  const at = new Date(now);
  const last = delivery.eventTimeMax === undefined ? null : new Date(delivery.eventTimeMax);
  await sql`
    insert into producer (tenant, source, producer, rows, last_event_time, first_received_at, last_received_at)
    values (${tenant}, ${source}, ${producer}, ${rows}, ${last}, ${at}, ${at})
    on conflict (tenant, source, producer) do update set
      rows = producer.rows + excluded.rows,
      last_event_time = greatest(producer.last_event_time, excluded.last_event_time),
      first_received_at = coalesce(producer.first_received_at, excluded.first_received_at),
      last_received_at = excluded.last_received_at`.execute(tx);
  await sql`
    insert into delivery values (${tenant}, ${source}, ${producer}, ${kind}, ${way},
      date_trunc('hour', ${at}::timestamptz, 'UTC'), ${messages}, ${rows}, ${duplicates}, ${refused}, ${late}, ${bytes})
    on conflict (tenant, source, producer, kind, way, hour) do update set
      messages = delivery.messages + excluded.messages, rows = delivery.rows + excluded.rows,
      duplicates = delivery.duplicates + excluded.duplicates, refused = delivery.refused + excluded.refused,
      late = delivery.late + excluded.late, bytes = delivery.bytes + excluded.bytes`.execute(tx);
}

export async function saveProducer(
  db: Store,
  {
    tenant,
    source,
    producer,
    publicKey,
  }: { tenant: string; source: string; producer: string; publicKey: string },
): Promise<void> {
  await db
    .insertInto('producer')
    .values({
      tenant,
      source,
      producer,
      public_key: publicKey,
      rows: 0,
      last_event_time: null,
      first_received_at: null,
      last_received_at: null,
    })
    .onConflict((conflict) =>
      conflict.columns(['tenant', 'source', 'producer']).doUpdateSet({ public_key: publicKey }),
    )
    .execute();
}

/** Producers with the sums of what they sent. */
export async function listProducers(db: Store, tenant: string, source: string) {
  const { rows } = await sql<{
    source: string;
    producer: string;
    public_key: string;
    rows: string;
    last_event_time: Date | null;
    first_received_at: Date | null;
    last_received_at: Date | null;
    bytes: string;
    duplicates: string;
    refused: string;
    late: string;
    ways: string[];
  }>`
    select source, producer, public_key, producer.rows, last_event_time, first_received_at, last_received_at,
      coalesce(sum(bytes), 0) as bytes, coalesce(sum(duplicates), 0) as duplicates,
      coalesce(sum(refused), 0) as refused, coalesce(sum(late), 0) as late,
      array_remove(array_agg(distinct way), null) as ways
    from producer left join delivery using (tenant, source, producer)
    where tenant = ${tenant} and (${source} = '' or source = ${source})
    group by 1, 2, 3, 4, 5, 6, 7 order by 1, 2`.execute(db);
  return rows;
}

/** What was sent, by the hour of arrival, newest first. */
export async function listDeliveries(
  db: Store,
  asked: { tenant: string; source: string; producer: string; since: Date; limit: number },
) {
  let query = db
    .selectFrom('delivery')
    .selectAll()
    .where('tenant', '=', asked.tenant)
    .where('hour', '>=', asked.since);
  if (asked.source) query = query.where('source', '=', asked.source);
  if (asked.producer) query = query.where('producer', '=', asked.producer);
  return query
    .orderBy('hour', 'desc')
    .orderBy('source')
    .orderBy('producer')
    .orderBy('kind')
    .orderBy('way')
    .limit(asked.limit)
    .execute();
}
