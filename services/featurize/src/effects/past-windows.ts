import type { ArtifactStore } from '@perennial/artifacts';
import type { System, WindowFeature } from '@perennial/spec';
import { quoteText, type Tables } from '@perennial/tables';
import { seriesOf } from '../decide/series.js';
import { windowBounds } from '../decide/window-bounds.js';
import { columnsOfFiles, eventsSql, groupSql, placedSql } from '../sql/segment-sql.js';
import { windowSql } from '../sql/window-sql.js';
import type { Store } from '../store.js';
import { localFiles } from './segment-files.js';

/** Who asks: event time in microseconds, and the row with the columns that windows group by. */
export interface PastProbe {
  readonly timeUs: number;
  readonly row: Readonly<Record<string, unknown>>;
}

/**
 * A window feature of some rows, computed from the segments: for rows older than what is kept in memory, and while
 * that is being filled. The same SQL as for training sets. Of `times` the event time of the newest value in each
 * window, in microseconds, or null.
 */
export async function pastWindows(
  { store, tables, artifacts }: { store: Store; tables: Tables; artifacts: ArtifactStore },
  system: System,
  feature: WindowFeature,
  probes: readonly PastProbe[],
  of: 'values' | 'times' = 'values',
): Promise<(number | string | null)[]> {
  const series = seriesOf(system, feature);
  const bounds = probes.map(({ timeUs }) => windowBounds(feature, timeUs));
  const lows = bounds.flatMap(({ loUs }) => (loUs === undefined ? [] : [loUs]));
  const segments = await store.segments(series.source, {
    kind: series.kind,
    fromUs: lows.length === 0 ? undefined : Math.min(...lows),
    toUs: Math.max(...bounds.map(({ hiUs }) => hiUs)),
  });
  const nothing = of === 'values' && (feature.as === 'count' || feature.as === 'distinct') ? 0 : null;
  if (segments.length === 0) return probes.map(() => nothing);
  const files = await localFiles(
    artifacts,
    segments.map(({ digest }) => digest),
  );
  const columns = await columnsOfFiles(tables, files);
  const events = eventsSql(series, placedSql(files, columns), columns);
  const sql = windowSql(of === 'values' ? feature : { ...feature, as: 'max' }, {
    events:
      of === 'values'
        ? `(${events})`
        : `(select * replace (us::double as num, us::double as val) from (${events}))`,
    probes: `(${probesSql(feature, probes)})`,
  });
  const rows = await tables.rows(sql);
  const values = new Map(rows.map((row) => [row['rn'], row['v'] as number | string | null]));
  return probes.map((_, index) => values.get(index) ?? nothing);
}

function probesSql({ by }: WindowFeature, probes: readonly PastProbe[]): string {
  return probes
    .map(({ timeUs, row }, index) => {
      const groups = by.map((name, at) => `, ${groupSql(literalSql(row[name]))} as b${at}`).join('');
      return `select ${index}::bigint as rn, ${timeUs}::bigint as us${groups}`;
    })
    .join(' union all ');
}

/** A cell that somebody sent. */
export function literalSql(value: unknown): string {
  if (typeof value === 'number' && Number.isFinite(value)) return `${value}::double`;
  if (typeof value === 'string') return quoteText(value);
  return typeof value === 'boolean' ? String(value) : 'null';
}
