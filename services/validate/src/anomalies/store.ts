import type { HeldReason } from '../causes/findings.js';
import type { Kind, Origin, Store } from '../store.js';
import type { WatchState } from './watch.js';

/** Something odd, and where. */
export interface KeptAnomaly {
  /** A UUIDv7, so that ids sort by when they were found. */
  readonly anomalyId: string;
  readonly producer: string;
  readonly segmentId: string | undefined;
  readonly finding: HeldReason;
}

export async function saveAnomalies(
  tx: Store,
  origin: Origin,
  anomalies: readonly KeptAnomaly[],
  now: number,
): Promise<void> {
  if (anomalies.length === 0) return;
  await tx
    .insertInto('anomaly')
    .values(
      anomalies.map(({ anomalyId, producer, segmentId, finding }) => ({
        ...origin,
        anomaly_id: anomalyId,
        producer,
        segment_id: segmentId ?? null,
        type: finding.type ?? '',
        rule: finding.rule,
        column_name: finding.column,
        finding: JSON.stringify(finding),
        found_at: new Date(now),
        row_id: finding.firstRowId,
      })),
    )
    .execute();
}

export interface ListedAnomaly extends KeptAnomaly {
  readonly source: string;
  readonly kind: Kind;
  /** Ms since the epoch. */
  readonly foundAt: number;
}

/** Newest first. */
export async function listAnomalies(
  db: Store,
  { tenant, source, kind }: Origin,
  { type, before, limit }: { type: string; before: string | undefined; limit: number },
): Promise<ListedAnomaly[]> {
  let query = db
    .selectFrom('anomaly')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .where('kind', '=', kind);
  if (type) query = query.where((eb) => eb.or([eb('type', '=', type), eb('rule', '=', type)]));
  if (before) query = query.where('anomaly_id', '<', before);
  const rows = await query.orderBy('anomaly_id', 'desc').limit(limit).execute();
  return rows.map((row) => ({
    ...{ anomalyId: row.anomaly_id, source: row.source, kind: row.kind, producer: row.producer },
    segmentId: row.segment_id ?? undefined,
    finding: row.finding,
    foundAt: row.found_at.getTime(),
  }));
}

export async function findWatch(
  db: Store,
  { tenant, source, kind }: Origin,
): Promise<WatchState | undefined> {
  const row = await db
    .selectFrom('source_watch')
    .select('state')
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .where('kind', '=', kind)
    .executeTakeFirst();
  return row?.state;
}

/** Where the source stands from now on; it is not silent any more. */
export async function saveWatch(tx: Store, origin: Origin, state: WatchState): Promise<void> {
  const values = {
    state: JSON.stringify(state),
    newest_event_time: new Date(state.steps.last ?? 0),
    silent_since: null,
  };
  await tx
    .insertInto('source_watch')
    .values({ ...origin, ...values })
    .onConflict((conflict) => conflict.columns(['tenant', 'source', 'kind']).doUpdateSet(values))
    .execute();
}
