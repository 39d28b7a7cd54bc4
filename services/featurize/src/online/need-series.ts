import { systemFromJson } from '@perennial/spec';
import { entitySeries, type NeededSeries, seriesOfSystem, widest } from '../decide/series.js';
import { Store } from '../store.js';
import type { Db } from '../tables.js';
import { WindowStore } from '../window-store.js';

/**
 * Brings a source's series to what the newest versions of all systems need of it together. Rows of entities are kept
 * from the first time on that somebody asks for them, for as long as a system reads the source by that key.
 */
export async function needSeries(
  { db, tenant }: { db: Db; tenant: string },
  source: string,
  now: Date,
): Promise<void> {
  const windows = new WindowStore(db, tenant);
  const there = new Set((await windows.seriesOfSource(source)).map(({ seriesId }) => seriesId));
  const needed = new Map<string, NeededSeries>();
  for (const specJson of await new Store(db, tenant).newestSpecs()) {
    const system = systemFromJson(specJson);
    const entities = entitySeries(system);
    const wanted = [...seriesOfSystem(system), ...(there.has(entities.seriesId) ? [entities] : [])];
    for (const series of wanted) {
      if (series.source !== source) continue;
      needed.set(series.seriesId, { ...series, ...widest(needed.get(series.seriesId), series) });
    }
  }
  for (const series of needed.values()) await windows.need(series, now);
  await windows.dropOthers(source, [...needed.keys()]);
}
