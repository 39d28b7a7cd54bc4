import type { Late } from '@perennial/spec';
import { sql } from 'kysely';
import type { Kind, Store } from '../store.js';

/** How rows of a source are read. */
export interface SourceReading {
  readonly source: string;
  readonly timeColumn: string;
  readonly keyColumns: readonly string[];
  /** IANA zone of times without an offset; undefined: UTC. */
  readonly zone: string | undefined;
  readonly late: Late;
  /** Of the document; 0: systems alone describe the source. */
  readonly version: number;
}

export interface SourceDocument {
  readonly version: number;
  readonly json: string;
  readonly declaredBy: string;
  readonly declaredAt: Date;
}

export async function saveSource(db: Store, tenant: string, reading: SourceReading): Promise<void> {
  const row = {
    time_column: reading.timeColumn,
    key_columns: JSON.stringify(reading.keyColumns),
    zone: reading.zone ?? '',
    watermark_ms: reading.late.watermarkMs ?? null,
    late_policy: reading.late.policy,
    version: reading.version,
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
  return {
    source: row.source,
    timeColumn: row.time_column,
    keyColumns: row.key_columns,
    zone: row.zone || undefined,
    late: {
      ...(row.watermark_ms !== null && { watermarkMs: Number(row.watermark_ms) }),
      policy: row.late_policy,
    },
    version: row.version,
  };
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

/** The newest document of a source. */
export async function findDocument(
  db: Store,
  tenant: string,
  source: string,
): Promise<SourceDocument | undefined> {
  const row = await db
    .selectFrom('source_document')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst();
  return (
    row && {
      version: row.version,
      json: row.document_json,
      declaredBy: row.declared_by,
      declaredAt: row.declared_at,
    }
  );
}

export async function saveDocument(
  tx: Store,
  { tenant, source, document }: { tenant: string; source: string; document: SourceDocument },
): Promise<void> {
  await tx
    .insertInto('source_document')
    .values({
      tenant,
      source,
      version: document.version,
      document_json: document.json,
      declared_by: document.declaredBy,
      declared_at: document.declaredAt,
    })
    .execute();
}

/** What a system says of its source, as JSON of the member `source` of its canonical form. */
export interface SystemReading {
  readonly system: string;
  readonly reading: {
    name: string;
    time: string;
    key: string[];
    zone?: string | undefined;
    late?: Late | undefined;
  };
}

export async function saveSystem(
  tx: Store,
  tenant: string,
  { system, reading }: SystemReading,
): Promise<void> {
  const row = { source: reading.name, reading: JSON.stringify(reading) };
  await tx
    .insertInto('source_system')
    .values({ tenant, system, ...row })
    .onConflict((conflict) => conflict.columns(['tenant', 'system']).doUpdateSet(row))
    .execute();
}

/** The systems that read a source, by name. */
export async function systemsOf(db: Store, tenant: string, source: string): Promise<SystemReading[]> {
  const rows = await db
    .selectFrom('source_system')
    .select(['system', 'reading'])
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .orderBy('system')
    .execute();
  return rows.map(({ system, reading }) => ({ system, reading }));
}

/**
 * Holds back whoever else decides whether a source is known, to the end of the transaction: a message is either seen
 * by the system that is being applied, or sees it.
 */
export async function lockSource(tx: Store, tenant: string, source: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`source/${tenant}/${source}`}, 0))`.execute(tx);
}

/** The newest event time among the taken rows of a source that were not ahead of the clock, in ms since the epoch. */
export async function newestEvent(db: Store, tenant: string, source: string): Promise<number | undefined> {
  const row = await db
    .selectFrom('newest_event')
    .select('event_time')
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .executeTakeFirst();
  return row?.event_time.getTime();
}

export async function moveNewestEvent(
  tx: Store,
  { tenant, source, eventTime }: { tenant: string; source: string; eventTime: number },
): Promise<void> {
  await sql`
    insert into newest_event (tenant, source, event_time)
    values (${tenant}, ${source}, ${new Date(eventTime)})
    on conflict (tenant, source) do update set event_time = excluded.event_time
    where newest_event.event_time < excluded.event_time`.execute(tx);
}

/** One source and what came for it. */
export interface SourceInNumbers {
  readonly source: string;
  readonly kind: Kind;
  readonly rows: number;
  readonly segments: number;
  readonly lastEventTime: Date | null;
}

/** Known sources with what came for each; a source that sent nothing yet has a line of its own. */
export async function listSources(db: Store, tenant: string, source = ''): Promise<SourceInNumbers[]> {
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
    where (segment.tenant is null or segment.tenant = ${tenant}) and (${source} = '' or source = ${source})
    group by 1, 2 order by 1, 2 desc`.execute(db);
  return rows.map(({ last_event_time, segments, rows: count, ...row }) => ({
    ...row,
    rows: Number(count),
    segments: Number(segments),
    lastEventTime: last_event_time,
  }));
}
