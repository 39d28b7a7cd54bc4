import type { System } from '@perennial/spec';
import { byKeyOf, entitySeries, type NeededSeries } from '../decide/series.js';
import { literalSql } from '../effects/past-windows.js';
import { localFiles } from '../effects/segment-files.js';
import { keptSql } from '../sql/kept-sql.js';
import { columnsOfFiles, groupSql, placedSql } from '../sql/segment-sql.js';
import { Store } from '../store.js';
import { WindowStore } from '../window-store.js';
import type { OnlineMeans } from './means.js';

export type Entity = Readonly<Record<string, unknown>>;

/** An entity's newest row as of the time asked for, its columns by lower-case name. */
export interface EntityRow {
  readonly eventUs: number;
  readonly cells: Readonly<Record<string, unknown>>;
}

/**
 * The newest row of each entity at or before `timeUs`; undefined where there is none. From what is kept; else, and the
 * first time that somebody asks for rows of this source, from the segments.
 */
export async function entityRows(
  means: OnlineMeans & { readonly keep: (series: NeededSeries) => Promise<void> },
  system: System,
  { entities, timeUs }: { entities: readonly Entity[]; timeUs: number },
): Promise<(EntityRow | undefined)[]> {
  const series = entitySeries(system);
  const windows = new WindowStore(means.db, means.tenant, means.prepared);
  const kept = await windows.look(
    entities.map((entity) => ({
      seriesId: series.seriesId,
      byKey: byKeyOf(series.by, entity),
      loUs: undefined,
      hiUs: timeUs + 1,
      last: 1,
    })),
  );
  const missed = entities.filter((_, at) => !kept[at]);
  if (missed.length > 0) await means.keep(series);
  const past = missed.length > 0 ? await pastRows(means, series, { entities: missed, timeUs }) : [];
  let order = 0;
  return kept.map((seen) => {
    if (!seen) return past[order++];
    const { values, newestUs } = seen;
    return newestUs === undefined ? undefined : { eventUs: newestUs, cells: cellsIn(values[0]?.text) };
  });
}

async function pastRows(
  { db, tenant, tables, artifacts }: OnlineMeans,
  series: NeededSeries,
  { entities, timeUs }: { entities: readonly Entity[]; timeUs: number },
): Promise<(EntityRow | undefined)[]> {
  const segments = await new Store(db, tenant).segments(series.source, { kind: 'rows', toUs: timeUs + 1 });
  if (segments.length === 0) return entities.map(() => undefined);
  const files = await localFiles(
    artifacts,
    segments.map(({ digest }) => digest),
  );
  const columns = await columnsOfFiles(tables, files);
  const asked = entities
    .map((entity, index) => {
      const keys = series.by.map((name, at) => `, ${groupSql(literalSql(entity[name]))} as k${at}`).join('');
      return `select ${index} as rn${keys}`;
    })
    .join(' union all ');
  const same = ['true', ...series.by.map((_, at) => `a.k${at} = ${groupSql(`r.g${at}`)}`)].join(' and ');
  const rows = await tables.rows(
    `select rn::double as rn, us::double as us, val from (${asked}) a join (${keptSql(series, placedSql(files, columns), columns)}) r ` +
      `on ${same} where us <= ${timeUs} ` +
      'qualify row_number() over (partition by rn order by us desc, row_key desc, file desc, line desc) = 1',
  );
  const found = new Map(rows.map((row) => [row['rn'], row]));
  return entities.map((_, index) => {
    const row = found.get(index);
    return row && { eventUs: Number(row['us']), cells: cellsIn(row['val']) };
  });
}

function cellsIn(json: unknown): Readonly<Record<string, unknown>> {
  return typeof json === 'string' ? (JSON.parse(json) as Record<string, unknown>) : {};
}
