import type { Digest } from '@perennial/kernel';
import { type Kysely, sql, type Transaction } from 'kysely';
import type { Kind, Tables } from './tables.js';

export type { Kind } from './tables.js';

export type Store = Kysely<Tables> | Transaction<Tables>;

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
  /** What its rows move the watermark to; undefined where all are ahead of the clock. */
  readonly newest: number | undefined;
  readonly sequenceFirst: number;
  readonly sequenceLast: number;
  /** Why all of its rows are to be held back; empty: they are judged by what they hold. */
  readonly hold: string;
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
}

/** What came of a file. */
export interface TakenFile {
  readonly digest: string;
  readonly rows: number;
  readonly refused: number;
  readonly firstRefusal: string;
  /** Of the rows and the refused ones, those behind the watermark. */
  readonly late: number;
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
  return (
    row && {
      digest: row.digest,
      rows: row.rows,
      refused: row.refused,
      firstRefusal: row.first_refusal,
      late: row.late,
    }
  );
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
      late: file.late,
      taken_at: new Date(now),
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return saved.numInsertedOrUpdatedRows === 1n;
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
  /** Those that say how the body is read. */
  readonly headers: Readonly<Record<string, string>>;
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
        headers: JSON.stringify(message.headers),
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
    headers: row.headers,
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
