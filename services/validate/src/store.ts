import type { SchemaDocument } from '@perennial/spec';
import { type ColumnType, type Kysely, sql, type Transaction } from 'kysely';
import { findWatch } from './anomalies/store.js';
import type { WatchState } from './anomalies/watch.js';
import type { HeldReason } from './causes/findings.js';
import type { SegmentFiles } from './effects/segment-files.js';
import { referredRows } from './effects/verified-files.js';
import type { Profile } from './profile/profile.js';
import { newestProfile } from './profile/profile-store.js';
import type { Knowledge } from './rules/judge-segment.js';
import { recentRows } from './rules/recent.js';
import { newcomer, type Standing, type Suspicion } from './rules/standing.js';
import { schemaInForce } from './schema/in-force.js';
import type { Schema } from './schema/learned.js';
import type { JudgedRow, Value } from './schema/value.js';

export type Kind = 'rows' | 'labels';

type Count = ColumnType<string, number, number>;
type Json<T> = ColumnType<T, string, string>;

export interface Tables {
  source_knowledge: {
    tenant: string;
    source: string;
    kind: Kind;
    profile: Json<Profile>;
    schema: Json<Schema>;
    schema_version: number;
    schema_digest: string;
    accepted: Json<SchemaDocument> | null;
  };
  schema_version: {
    tenant: string;
    source: string;
    kind: Kind;
    version: number;
    digest: string;
    schema: Json<Schema>;
    accepted_at: Date;
    document: Json<SchemaDocument> | null;
    accepted_by: string;
  };
  schema_proposal: {
    proposal_id: string;
    tenant: string;
    source: string;
    kind: Kind;
    document: Json<SchemaDocument>;
    digest: string;
    base_version: number;
    rows: Count;
    status: 'open' | 'accepted' | 'superseded';
    proposed_at: Date;
  };
  segment_profile: {
    tenant: string;
    source: string;
    kind: Kind;
    segment_id: string;
    digest: string;
    level: number;
    segments: number;
    rows: Count;
    event_time_min: Date;
    event_time_max: Date;
    profile: Buffer;
  };
  producer_standing: {
    tenant: string;
    source: string;
    kind: Kind;
    producer: string;
    verified_rows: Count;
    suspicions: Json<Suspicion[]>;
  };
  recent_row: {
    tenant: string;
    source: string;
    kind: Kind;
    row_id: string;
    event_time: Date;
    cells: Json<Record<string, Value>>;
  };
  judged_segment: {
    segment_id: string;
    tenant: string;
    source: string;
    kind: Kind;
    producer: string;
    good_rows: number;
    held_rows: number;
    schema_version: number;
    judged_at: Date;
  };
  quarantine: {
    quarantine_id: string;
    tenant: string;
    source: string;
    kind: Kind;
    producer: string;
    segment_id: string;
    recorded_event_id: string;
    digest: string;
    rows: number;
    event_time_min: Date;
    event_time_max: Date;
    findings: Json<HeldReason[]>;
    status: HeldStatus;
    repair_id: string | null;
    held_at: Date;
  };
  held_row: {
    quarantine_id: string;
    row_id: string;
    event_time: Date;
    rule: string;
    column_name: string;
    cell: Json<Value> | null;
  };
  repair: {
    repair_id: string;
    tenant: string;
    source: string;
    column_name: string;
    expression: string;
    entries: number;
    rows: number;
    repaired_by: string;
    repaired_at: Date;
    action: string;
    reason: string;
  };
  anomaly: {
    anomaly_id: string;
    tenant: string;
    source: string;
    kind: Kind;
    producer: string;
    segment_id: string | null;
    type: string;
    rule: string;
    column_name: string;
    finding: Json<HeldReason>;
    found_at: Date;
    row_id: string;
  };
  source_watch: {
    tenant: string;
    source: string;
    kind: Kind;
    state: Json<WatchState>;
    newest_event_time: Date;
    silent_since: Date | null;
  };
  verified_file: {
    tenant: string;
    source: string;
    kind: Kind;
    digest: string;
  };
}

export type HeldStatus = 'held' | 'repaired' | 'released' | 'discarded';

export type Store = Kysely<Tables> | Transaction<Tables>;

/** Rows or labels of one source. */
export interface Origin {
  readonly tenant: string;
  readonly source: string;
  readonly kind: Kind;
}

/** Verified rows kept to be compared with, per source and kind: years of daily rows, minutes of fast ones. */
const recentRowsKept = 5_000;

export interface SchemaInForce {
  /** What verified rows imply. */
  readonly schema: Schema;
  /** What somebody accepted, if anybody did. */
  readonly accepted: SchemaDocument | undefined;
  /** What rows are asked: both together. */
  readonly document: SchemaDocument;
  readonly version: number;
  /** Of the document's canonical JSON. */
  readonly digest: string;
}

export interface SourceKnowledge extends SchemaInForce {
  readonly profile: Profile;
}

/** What is known of the source; its row stays locked to the end of the transaction, so that verdicts follow each other. */
export async function lockKnowledge(tx: Store, origin: Origin): Promise<SourceKnowledge> {
  await tx
    .insertInto('source_knowledge')
    .values({
      ...origin,
      profile: JSON.stringify({ rows: 0, columns: {} }),
      schema: JSON.stringify({ columns: {} }),
      schema_version: 0,
      schema_digest: '',
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const row = await ofOrigin(tx.selectFrom('source_knowledge').selectAll(), origin)
    .forUpdate()
    .executeTakeFirstOrThrow();
  return { profile: row.profile, ...inForce(origin, row) };
}

function inForce(
  origin: Origin,
  row: {
    schema: Schema;
    accepted: SchemaDocument | null;
    schema_version: number;
    schema_digest: string;
  },
): SchemaInForce {
  const accepted = row.accepted ?? undefined;
  return {
    schema: row.schema,
    accepted,
    document: schemaInForce(origin, row.schema, accepted),
    version: row.schema_version,
    digest: row.schema_digest,
  };
}

export async function findSchema(db: Store, origin: Origin): Promise<SchemaInForce | undefined> {
  return findKnowledge(db, origin);
}

/** What is known of the source, without holding it. */
export async function findKnowledge(db: Store, origin: Origin): Promise<SourceKnowledge | undefined> {
  const row = await ofOrigin(db.selectFrom('source_knowledge').selectAll(), origin).executeTakeFirst();
  return row && { profile: row.profile, ...inForce(origin, row) };
}

export async function saveKnowledge(tx: Store, origin: Origin, known: SourceKnowledge): Promise<void> {
  await ofOrigin(
    tx.updateTable('source_knowledge').set({
      profile: JSON.stringify(known.profile),
      schema: JSON.stringify(known.schema),
      schema_version: known.version,
      schema_digest: known.digest,
      accepted: known.accepted ? JSON.stringify(known.accepted) : null,
    }),
    origin,
  ).execute();
}

export async function saveSchemaVersion(
  tx: Store,
  origin: Origin,
  accepted: SchemaInForce,
  { now, by }: { now: number; by: string },
): Promise<void> {
  await tx
    .insertInto('schema_version')
    .values({
      ...origin,
      version: accepted.version,
      digest: accepted.digest,
      schema: JSON.stringify(accepted.schema),
      accepted_at: new Date(now),
      document: JSON.stringify(accepted.document),
      accepted_by: by,
    })
    .execute();
}

export async function findStanding(db: Store, origin: Origin, producer: string): Promise<Standing> {
  const row = await ofOrigin(db.selectFrom('producer_standing').selectAll(), origin)
    .where('producer', '=', producer)
    .executeTakeFirst();
  return row ? { verifiedRows: Number(row.verified_rows), suspicions: row.suspicions } : newcomer;
}

export async function saveStanding(
  tx: Store,
  origin: Origin,
  producer: string,
  standing: Standing,
): Promise<void> {
  const values = { verified_rows: standing.verifiedRows, suspicions: JSON.stringify(standing.suspicions) };
  await tx
    .insertInto('producer_standing')
    .values({ ...origin, producer, ...values })
    .onConflict((conflict) => conflict.columns(['tenant', 'source', 'kind', 'producer']).doUpdateSet(values))
    .execute();
}

/** The last verified rows with an event time before `before` (ms), oldest first. */
export async function recentBefore(db: Store, origin: Origin, before: number): Promise<JudgedRow[]> {
  const rows = await ofOrigin(db.selectFrom('recent_row').selectAll(), origin)
    .where('event_time', '<', new Date(before))
    .orderBy('event_time', 'desc')
    .orderBy('row_id', 'desc')
    .limit(recentRows)
    .execute();
  return rows
    .reverse()
    .map((row) => ({ rowId: row.row_id, eventTime: row.event_time.getTime(), values: row.cells }));
}

/** Keeps these verified rows to be compared with, and lets the oldest go. */
export async function saveRecent(tx: Store, origin: Origin, rows: readonly JudgedRow[]): Promise<void> {
  if (rows.length === 0) return;
  const kept = rows.slice(-recentRowsKept);
  await sql`
    insert into recent_row (tenant, source, kind, row_id, event_time, cells)
    select ${origin.tenant}, ${origin.source}, ${origin.kind}, r.row_id, r.event_time, r.cells
    from jsonb_to_recordset(${JSON.stringify(kept.map(asRecent))}::jsonb)
      as r(row_id text, event_time timestamptz, cells jsonb)
    on conflict do nothing`.execute(tx);
  await sql`
    delete from recent_row where tenant = ${origin.tenant} and source = ${origin.source} and kind = ${origin.kind}
      and event_time < (
        select event_time from recent_row
        where tenant = ${origin.tenant} and source = ${origin.source} and kind = ${origin.kind}
        order by event_time desc offset ${recentRowsKept} limit 1)`.execute(tx);
}

/** Only numbers have a level to compare with. */
function asRecent(row: JudgedRow) {
  const cells = Object.entries(row.values).filter(([, value]) => Number.isFinite(value));
  return {
    row_id: row.rowId,
    event_time: new Date(row.eventTime).toISOString(),
    cells: Object.fromEntries(cells),
  };
}

/** What the rows of the source were compared with: knowledge as `judgeSegment` takes it. */
export async function knowledgeFor(
  tx: Store,
  origin: Origin,
  {
    producer,
    before,
    known,
    files,
  }: { producer: string; before: number; known: SourceKnowledge; files: SegmentFiles },
): Promise<Knowledge> {
  const { profile, schema, accepted } = known;
  return {
    ...{ profile, schema, accepted },
    standing: await findStanding(tx, origin, producer),
    recent: await recentBefore(tx, origin, before),
    watch: await findWatch(tx, origin),
    previous: accepted && asksOfPrevious(accepted) ? await newestProfile(tx, origin) : undefined,
    keysOf: await referredRows(tx, { files, tenant: origin.tenant }, accepted),
  };
}

function asksOfPrevious({ columns, dataset }: SchemaDocument): boolean {
  return dataset.rows?.againstPrevious !== undefined || Object.values(columns).some(({ drift }) => drift);
}

function ofOrigin<Query extends { where(column: never, operator: '=', value: never): Query }>(
  query: Query,
  { tenant, source, kind }: Origin,
): Query {
  return query
    .where('tenant' as never, '=', tenant as never)
    .where('source' as never, '=', source as never)
    .where('kind' as never, '=', kind as never);
}
