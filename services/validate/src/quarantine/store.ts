import { type Selectable, sql } from 'kysely';
import type { HeldReason } from '../causes/findings.js';
import type { RowVerdict } from '../rules/judge-segment.js';
import type { Value } from '../schema/value.js';
import type { HeldStatus, Kind, Origin, Store, Tables } from '../store.js';

/** Rows of one segment that are held. Times are ms since the epoch. */
export interface Entry {
  readonly quarantineId: string;
  readonly source: string;
  readonly kind: Kind;
  readonly producer: string;
  readonly segmentId: string;
  /** Of the event that brought the rows; empty for those held before it was kept. */
  readonly recordedEventId: string;
  readonly digest: string;
  readonly rows: number;
  readonly eventTimeMin: number;
  readonly eventTimeMax: number;
  readonly reasons: readonly HeldReason[];
  readonly status: HeldStatus;
  readonly repairId: string | undefined;
}

/** Verdicts kept in the database for one entry; the rows themselves are all in its file. */
export const verdictsKept = 1_000;
/** Entries in one answer. */
const entriesMax = 1_000;

export async function saveJudged(
  tx: Store,
  origin: Origin,
  judged: {
    segmentId: string;
    producer: string;
    good: number;
    held: number;
    schemaVersion: number;
    now: number;
  },
): Promise<void> {
  await tx
    .insertInto('judged_segment')
    .values({
      segment_id: judged.segmentId,
      ...origin,
      producer: judged.producer,
      good_rows: judged.good,
      held_rows: judged.held,
      schema_version: judged.schemaVersion,
      judged_at: new Date(judged.now),
    })
    .execute();
}

export async function wasJudged(tx: Store, segmentId: string): Promise<boolean> {
  const row = await tx
    .selectFrom('judged_segment')
    .select('segment_id')
    .where('segment_id', '=', segmentId)
    .executeTakeFirst();
  return row !== undefined;
}

export async function saveEntry(
  tx: Store,
  tenant: string,
  entry: Entry,
  { verdicts, now }: { verdicts: readonly RowVerdict[]; now: number },
): Promise<void> {
  await tx
    .insertInto('quarantine')
    .values({
      quarantine_id: entry.quarantineId,
      tenant,
      source: entry.source,
      kind: entry.kind,
      producer: entry.producer,
      segment_id: entry.segmentId,
      recorded_event_id: entry.recordedEventId,
      digest: entry.digest,
      rows: entry.rows,
      event_time_min: new Date(entry.eventTimeMin),
      event_time_max: new Date(entry.eventTimeMax),
      findings: JSON.stringify(entry.reasons),
      status: entry.status,
      repair_id: entry.repairId ?? null,
      held_at: new Date(now),
    })
    .execute();
  const cells = verdicts.slice(0, verdictsKept).flatMap(({ row, violations }) =>
    violations.map(({ rule, column, value }) => ({
      row_id: row.rowId,
      event_time: new Date(row.eventTime).toISOString(),
      rule,
      column_name: column,
      cell: storable(value),
    })),
  );
  await sql`
    insert into held_row (quarantine_id, row_id, event_time, rule, column_name, cell)
    select ${entry.quarantineId}::uuid, r.row_id, r.event_time, r.rule, r.column_name, r.cell
    from jsonb_to_recordset(${JSON.stringify(cells)}::jsonb)
      as r(row_id text, event_time timestamptz, rule text, column_name text, cell jsonb)
    on conflict do nothing`.execute(tx);
}

export async function listEntries(
  db: Store,
  tenant: string,
  { source, includeRepaired }: { source: string; includeRepaired: boolean },
): Promise<Entry[]> {
  let query = db.selectFrom('quarantine').selectAll().where('tenant', '=', tenant);
  if (source) query = query.where('source', '=', source);
  if (!includeRepaired) query = query.where('status', '=', 'held');
  const rows = await query.orderBy('event_time_min').orderBy('quarantine_id').limit(entriesMax).execute();
  return rows.map(asEntry);
}

export async function findEntry(db: Store, tenant: string, quarantineId: string): Promise<Entry | undefined> {
  const row = await db
    .selectFrom('quarantine')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('quarantine_id', '=', uuidOrNone(quarantineId))
    .executeTakeFirst();
  return row && asEntry(row);
}

/** An id that is no UUID names nothing. */
function uuidOrNone(id: string): string {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)
    ? id
    : '00000000-0000-0000-0000-000000000000';
}

/** The held entries of a source (and producer) in event-time order. */
export async function heldEntries(
  db: Store,
  { tenant, source, producer }: { tenant: string; source: string; producer: string },
): Promise<Entry[]> {
  let query = db
    .selectFrom('quarantine')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .where('status', '=', 'held');
  if (producer) query = query.where('producer', '=', producer);
  return (await query.orderBy('event_time_min').orderBy('quarantine_id').execute()).map(asEntry);
}

/** Whether rows of the source were ever held. */
export async function sourceHasEntries(db: Store, tenant: string, source: string): Promise<boolean> {
  const row = await db
    .selectFrom('quarantine')
    .select('quarantine_id')
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Why each of these rows is held: "unit-change temp_min". */
export async function reasonsByRow(
  db: Store,
  quarantineId: string,
  rowIds: readonly string[],
): Promise<Map<string, string[]>> {
  if (rowIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('held_row')
    .select(['row_id', 'rule', 'column_name'])
    .where('quarantine_id', '=', quarantineId)
    .where('row_id', 'in', [...rowIds])
    .orderBy('rule')
    .orderBy('column_name')
    .execute();
  const reasons = new Map<string, string[]>();
  for (const { row_id, rule, column_name } of rows) {
    reasons.set(row_id, [...(reasons.get(row_id) ?? []), `${rule} ${column_name}`]);
  }
  return reasons;
}

export async function lockEntry(tx: Store, tenant: string, quarantineId: string): Promise<Entry | undefined> {
  const row = await tx
    .selectFrom('quarantine')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('quarantine_id', '=', quarantineId)
    .forUpdate()
    .executeTakeFirst();
  return row && asEntry(row);
}

/** The entry holds fewer rows from now on; why they are held stays. */
export async function keepRest(tx: Store, entry: Entry): Promise<void> {
  await tx
    .updateTable('quarantine')
    .set({
      digest: entry.digest,
      rows: entry.rows,
      event_time_min: new Date(entry.eventTimeMin),
      event_time_max: new Date(entry.eventTimeMax),
    })
    .where('quarantine_id', '=', entry.quarantineId)
    .execute();
}

/** Some of its rows were erased: the others lie in another file. */
export async function shrinkEntry(
  tx: Store,
  quarantineId: string,
  { digest, rows }: { digest: string; rows: number },
): Promise<void> {
  await tx
    .updateTable('quarantine')
    .set({ digest, rows })
    .where('quarantine_id', '=', quarantineId)
    .execute();
}

/** All rows of the entry were let through. */
export async function endEntry(
  tx: Store,
  quarantineId: string,
  { repairId, action }: { repairId: string; action: string },
): Promise<void> {
  await tx
    .updateTable('quarantine')
    .set({ status: action === 'release' ? 'released' : 'repaired', repair_id: repairId })
    .where('quarantine_id', '=', quarantineId)
    .execute();
}

/** The rows are given up: their file is needed no more, and why they were held stays. */
export async function discardEntry(tx: Store, quarantineId: string, discardId: string): Promise<void> {
  await tx
    .updateTable('quarantine')
    .set({ status: 'discarded', repair_id: discardId, digest: '' })
    .where('quarantine_id', '=', quarantineId)
    .execute();
}

export async function saveRepair(
  tx: Store,
  tenant: string,
  repair: {
    repairId: string;
    source: string;
    column: string;
    expression: string;
    entries: number;
    rows: number;
    repairedBy: string;
    action: string;
    reason: string;
    now: number;
  },
): Promise<void> {
  await tx
    .insertInto('repair')
    .values({
      repair_id: repair.repairId,
      tenant,
      source: repair.source,
      column_name: repair.column,
      expression: repair.expression,
      entries: repair.entries,
      rows: repair.rows,
      repaired_by: repair.repairedBy,
      action: repair.action,
      reason: repair.reason,
      repaired_at: new Date(repair.now),
    })
    // A repair of very many entries is written in several transactions, and stays one.
    .onConflict((conflict) =>
      conflict.column('repair_id').doUpdateSet({
        entries: sql`repair.entries + excluded.entries`,
        rows: sql`repair.rows + excluded.rows`,
      }),
    )
    .execute();
}

function asEntry(row: Selectable<Tables['quarantine']>): Entry {
  return {
    quarantineId: row.quarantine_id,
    source: row.source,
    kind: row.kind,
    producer: row.producer,
    segmentId: row.segment_id,
    recordedEventId: row.recorded_event_id,
    digest: row.digest,
    rows: row.rows,
    eventTimeMin: row.event_time_min.getTime(),
    eventTimeMax: row.event_time_max.getTime(),
    reasons: row.findings,
    status: row.status,
    repairId: row.repair_id ?? undefined,
  };
}

/** Databases hold no U+0000 in JSON, and JSON no NaN. */
function storable(value: Value): Value {
  if (typeof value === 'string') return value.replaceAll('\0', '\ufffd');
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : (value ?? null);
}
