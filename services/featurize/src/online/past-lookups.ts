import type { ArtifactStore } from '@perennial/artifacts';
import type { LookupFeature } from '@perennial/spec';
import type { Tables } from '@perennial/tables';
import type { FeatureValue } from '../decide/online-row.js';
import { literalSql, type PastProbe } from '../effects/past-windows.js';
import { localFiles } from '../effects/segment-files.js';
import { lookupSql, versionsSql } from '../sql/lookup-sql.js';
import { columnsOfFiles, groupSql, placedSql } from '../sql/segment-sql.js';
import type { Store } from '../store.js';
import type { Found } from './means.js';

/** A lookup of some rows, computed from the segments of its source. The same SQL as for training sets. */
export async function pastLookups(
  { store, tables, artifacts }: { store: Store; tables: Tables; artifacts: ArtifactStore },
  feature: LookupFeature,
  probes: readonly PastProbe[],
): Promise<Found[]> {
  const nothing: Found = { value: null, eventUs: undefined };
  const segments = await store.segments(feature.source, {
    kind: 'rows',
    toUs: Math.max(...probes.map(({ timeUs }) => timeUs)) + 1,
  });
  if (segments.length === 0) return probes.map(() => nothing);
  const files = await localFiles(
    artifacts,
    segments.map(({ digest }) => digest),
  );
  const columns = await columnsOfFiles(tables, files);
  const versions = versionsSql(feature, placedSql(files, columns), columns);
  const asking = `(${probesSql(feature, probes)})`;
  const values = await tables.rows(
    `select rn::double as rn, to_json(v)::varchar as v from (${lookupSql(feature, versions, asking)})`,
  );
  const timed = `select * replace (us::double as val) from (${versions})`;
  const times = await tables.rows(
    `select rn::double as rn, v::double as us from (${lookupSql(feature, timed, asking)})`,
  );
  const found = new Map(values.map((row) => [row['rn'], row['v']]));
  const seenUs = new Map(times.map((row) => [row['rn'], row['us']]));
  return probes.map((_, index) => {
    const text = found.get(index);
    const us = seenUs.get(index);
    return {
      value: typeof text === 'string' ? (JSON.parse(text) as FeatureValue) : null,
      eventUs: typeof us === 'number' ? us : undefined,
    };
  });
}

function probesSql({ on }: LookupFeature, probes: readonly PastProbe[]): string {
  return probes
    .map(({ timeUs, row }, index) => {
      const keys = on.map(({ equals }, at) => `, ${groupSql(literalSql(row[equals]))} as k${at}`).join('');
      return `select ${index}::bigint as rn, ${timeUs}::bigint as us${keys}`;
    })
    .join(' union all ');
}
