import type { Digest } from '@perennial/kernel';
import { type Kysely, sql, type Transaction } from 'kysely';
import type { Kind, Tables } from './tables.js';

export type { Kind } from './tables.js';

export type Store = Kysely<Tables> | Transaction<Tables>;

/** How rows of a source are read. */
export interface SourceReading {
  readonly source: string;
  readonly timeColumn: string;
  readonly keyColumns: readonly string[];
  readonly system: string;
}

/** A segment that was cut. Times are ms since the epoch. */
export interface CutSegment {
  readonly segmentId: string;
  readonly source: string;
  readonly kind: Kind;
  readonly producer: string;
  readonly digest: Digest;
  readonly rows: number;
  readonly bytes: number;
  readonly eventTimeMin: number;
  readonly eventTimeMax: number;
  readonly sequenceFirst: number;
  readonly sequenceLast: number;
}

export async function saveSource(db: Store, tenant: string, reading: SourceReading): Promise<void> {
  const row = {
    time_column: reading.timeColumn,
    key_columns: JSON.stringify(reading.keyColumns),
    system: reading.system,
  };
  await db
    .insertInto('source')
    .values({ tenant, source: reading.source, ...row })
    .onConflict((conflict) => conflict.columns(['tenant', 'source']).doUpdateSet(row))
    .execute();
}

export async function findSource(
  db: Store,
  tenant: string,
  source: string,
): Promise<SourceReading | undefined> {
  const row = await db
    .selectFrom('source')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .executeTakeFirst();
  if (!row) return undefined;
  return { source: row.source, timeColumn: row.time_column, keyColumns: row.key_columns, system: row.system };
}

/** Of these row ids, the ones that were taken before. */
export async function takenRowIds(
  db: Store,
  { tenant, source, kind, rowIds }: { tenant: string; source: string; kind: Kind; rowIds: readonly string[] },
): Promise<Set<string>> {
  if (rowIds.length === 0) return new Set();
  const rows = await db
    .selectFrom('taken_row')
    .select('row_id')
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .where('kind', '=', kind)
    .where(sql<boolean>`row_id = any(${[...rowIds]}::text[])`)
    .execute();
  return new Set(rows.map((row) => row.row_id));
}

/**
 * Remembers the rows of a segment.
 *
 * @returns false when one of them was taken meanwhile; the transaction must not go on then
 */
export async function takeRowIds(
  db: Store,
  { tenant, segment, rowIds }: { tenant: string; segment: CutSegment; rowIds: readonly string[] },
): Promise<boolean> {
  const taken = await sql`
    insert into taken_row (tenant, source, kind, row_id, segment_id)
    select ${tenant}, ${segment.source}, ${segment.kind}, id, ${segment.segmentId}::uuid
    from unnest(${[...rowIds]}::text[]) as id
    on conflict do nothing`.execute(db);
  return Number(taken.numAffectedRows ?? 0n) === rowIds.length;
}

/** Writes the segment, and counts its rows for its producer. */
export async function saveSegment(
  db: Store,
  tenant: string,
  segment: CutSegment,
  now: number,
): Promise<void> {
  await db
    .insertInto('segment')
    .values({
      segment_id: segment.segmentId,
      tenant,
      source: segment.source,
      kind: segment.kind,
      producer: segment.producer,
      digest: segment.digest,
      rows: segment.rows,
      bytes: segment.bytes,
      event_time_min: new Date(segment.eventTimeMin),
      event_time_max: new Date(segment.eventTimeMax),
      stream_sequence_first: segment.sequenceFirst,
      stream_sequence_last: segment.sequenceLast,
      recorded_at: new Date(now),
    })
    .execute();
  await sql`
    insert into producer (tenant, source, producer, rows, last_event_time, last_received_at)
    values (${tenant}, ${segment.source}, ${segment.producer}, ${segment.rows},
            ${new Date(segment.eventTimeMax)}, ${new Date(now)})
    on conflict (tenant, source, producer) do update set
      rows = producer.rows + excluded.rows,
      last_event_time = greatest(producer.last_event_time, excluded.last_event_time),
      last_received_at = excluded.last_received_at`.execute(db);
}

/** What came of a file. */
export interface TakenFile {
  readonly digest: string;
  readonly rows: number;
  readonly refused: number;
  readonly firstRefusal: string;
}

export async function findFile(
  db: Store,
  { tenant, source, kind, digest }: { tenant: string; source: string; kind: Kind; digest: string },
): Promise<TakenFile | undefined> {
  const row = await db
    .selectFrom('taken_file')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .where('kind', '=', kind)
    .where('digest', '=', digest)
    .executeTakeFirst();
  return row && { digest: row.digest, rows: row.rows, refused: row.refused, firstRefusal: row.first_refusal };
}

/** @returns false when another call has taken the same file meanwhile */
export async function saveFile(
  db: Store,
  {
    tenant,
    source,
    kind,
    file,
    now,
  }: { tenant: string; source: string; kind: Kind; file: TakenFile; now: number },
): Promise<boolean> {
  const saved = await db
    .insertInto('taken_file')
    .values({
      tenant,
      source,
      kind,
      digest: file.digest,
      rows: file.rows,
      refused: file.refused,
      first_refusal: file.firstRefusal,
      taken_at: new Date(now),
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return saved.numInsertedOrUpdatedRows === 1n;
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
      last_received_at: null,
    })
    .onConflict((conflict) =>
      conflict.columns(['tenant', 'source', 'producer']).doUpdateSet({ public_key: publicKey }),
    )
    .execute();
}

export async function listProducers(db: Store, tenant: string, source: string) {
  let query = db.selectFrom('producer').selectAll().where('tenant', '=', tenant);
  if (source) query = query.where('source', '=', source);
  return query.orderBy('source').orderBy('producer').execute();
}

/** Known sources with what came for each; a source that sent nothing yet has a line of its own. */
export async function listSources(
  db: Store,
  tenant: string,
): Promise<{ source: string; kind: Kind; rows: string; segments: number; lastEventTime: Date | null }[]> {
  const { rows } = await sql<{
    source: string;
    kind: Kind;
    rows: string;
    segments: string;
    last_event_time: Date | null;
  }>`
    select source, coalesce(kind, 'rows') as kind, coalesce(sum(segment.rows), 0) as rows,
      count(segment_id) as segments, max(event_time_max) as last_event_time
    from (select source from source where tenant = ${tenant}
          union select source from segment where tenant = ${tenant}) as known
    left join segment using (source)
    where segment.tenant is null or segment.tenant = ${tenant}
    group by 1, 2 order by 1, 2 desc`.execute(db);
  return rows.map(({ last_event_time, segments, ...row }) => ({
    ...row,
    segments: Number(segments),
    lastEventTime: last_event_time,
  }));
}

/** Names of the known sources, for an answer to a mistyped one. */
export async function sourceNames(db: Store, tenant: string): Promise<string[]> {
  const rows = await db
    .selectFrom('source')
    .select('source')
    .where('tenant', '=', tenant)
    .orderBy('source')
    .execute();
  return rows.map((row) => row.source);
}

/** A message of a source that no system describes yet. */
export interface WaitingMessage {
  readonly source: string;
  readonly kind: Kind;
  readonly producer: string;
  /** The id that names its row or rows. */
  readonly messageId: string;
  readonly sequence: number;
  readonly body: Uint8Array;
}

/**
 * Holds back whoever else decides whether a source is known, to the end of the transaction: a message is either seen
 * by the system that is being applied, or sees it.
 */
export async function lockSource(tx: Store, tenant: string, source: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`source/${tenant}/${source}`}, 0))`.execute(tx);
}

export async function saveWaiting(
  tx: Store,
  tenant: string,
  messages: readonly WaitingMessage[],
  now: number,
): Promise<void> {
  if (messages.length === 0) return;
  await tx
    .insertInto('waiting_message')
    .values(
      messages.map((message) => ({
        tenant,
        source: message.source,
        kind: message.kind,
        message_id: message.messageId,
        producer: message.producer,
        stream_sequence: message.sequence,
        body: message.body,
        received_at: new Date(now),
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** How many messages wait for a source, counted up to `most`. */
export async function countWaiting(db: Store, tenant: string, source: string, most: number): Promise<number> {
  const { rows } = await sql<{ n: string }>`
    select count(*) as n from (
      select 1 from waiting_message where tenant = ${tenant} and source = ${source} limit ${most}) as waiting`.execute(
    db,
  );
  return Number(rows[0]?.n ?? 0);
}

function takeable(db: Store, tenant: string) {
  return db
    .selectFrom('waiting_message')
    .innerJoin('source', (join) =>
      join
        .onRef('source.tenant', '=', 'waiting_message.tenant')
        .onRef('source.source', '=', 'waiting_message.source'),
    )
    .where('waiting_message.tenant', '=', tenant);
}

/** Messages whose source is known by now, in the order they came. */
export async function takeableMessages(db: Store, tenant: string, most: number): Promise<WaitingMessage[]> {
  const rows = await takeable(db, tenant)
    .orderBy('stream_sequence')
    .limit(most)
    .selectAll('waiting_message')
    .execute();
  return rows.map((row) => ({
    source: row.source,
    kind: row.kind,
    producer: row.producer,
    messageId: row.message_id,
    sequence: Number(row.stream_sequence),
    body: row.body,
  }));
}

export async function countTakeable(db: Store, tenant: string): Promise<number> {
  const row = await takeable(db, tenant)
    .select(({ fn }) => fn.countAll<string>().as('n'))
    .executeTakeFirst();
  return Number(row?.n ?? 0);
}

export async function forgetWaiting(db: Store, tenant: string, message: WaitingMessage): Promise<void> {
  await db
    .deleteFrom('waiting_message')
    .where('tenant', '=', tenant)
    .where('source', '=', message.source)
    .where('kind', '=', message.kind)
    .where('message_id', '=', message.messageId)
    .execute();
}
