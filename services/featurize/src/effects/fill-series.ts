import type { ArtifactStore } from '@perennial/artifacts';

import type { Tables } from '@perennial/tables';
import { type Lease, Leases } from '../leases.js';
import { newestUs, Store } from '../store.js';
import type { Db } from '../tables.js';
import { WindowStore } from '../window-store.js';
import { readValues } from './read-values.js';
import { localFiles } from './segment-files.js';
import type { Worker } from './work-loop.js';

export interface FillMeans {
  readonly tenant: string;
  readonly db: Db;
  readonly tables: Tables;
  readonly artifacts: ArtifactStore;
  readonly onlineSlackUs: number;
  readonly transact: <T>(work: (tx: Db) => Promise<T>) => Promise<T>;
}

/**
 * Brings the past of a new series into the online store, from the segments that came before it. Those that come
 * meanwhile bring their values themselves; until this is done, windows are computed from the segments.
 */
export function seriesFiller(means: FillMeans): Worker {
  return {
    kind: 'series',
    work: async (lease) => {
      await fill(means, lease);
      return 'done';
    },
    // Answers stay right without it, only slower; the next version of the system tries again.
    giveUp: (lease) => new Leases(means.db, means.tenant).abandon(lease),
  };
}

async function fill(means: FillMeans, lease: Lease): Promise<void> {
  const { db, tenant, tables, artifacts, onlineSlackUs, transact } = means;
  const series = (await new WindowStore(db, tenant).series([lease.id])).get(lease.id);
  if (!series) return;
  const store = new Store(db, tenant);
  const state = await store.source(series.source);
  const newest = (state && newestUs(state)) ?? 0;
  const fromUs = newest - series.horizonUs - onlineSlackUs;
  const segments = await store.segments(series.source, {
    kind: series.kind,
    ...(series.lastCount === 0 && { fromUs }),
  });
  const paths = await localFiles(
    artifacts,
    segments.map(({ digest }) => digest),
  );
  const files = paths.map((path, index) => ({ path, place: segments[index]?.place ?? '' }));
  const values = await readValues(tables, series, { files, fromUs });
  await transact(async (tx) => {
    // What came meanwhile has moved the bound; nobody moves it while the source is locked.
    const now = newestUs(await new Store(tx, tenant).lockSource(series.source)) ?? 0;
    if (!(await new Leases(tx, tenant).holds(lease))) return;
    const windows = new WindowStore(tx, tenant);
    await windows.keep(series.seriesId, values);
    await windows.filled(series.seriesId, lease.epoch, now - series.horizonUs - onlineSlackUs);
  });
}
