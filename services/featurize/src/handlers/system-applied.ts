import { handler } from '@perennial/bus';
import { events } from '@perennial/contracts';
import type { Clock } from '@perennial/kernel';
import { systemFromJson } from '@perennial/spec';
import { type NeededSeries, seriesOfSystem, widest } from '../decide/series.js';
import { Store } from '../store.js';
import type { Db } from '../tables.js';
import { WindowStore } from '../window-store.js';

/** Keeps a version of a system's features, and sees to it that what its windows want is kept from now on. */
export function systemApplied({ tenant, clock, wake }: { tenant: string; clock: Clock; wake: () => void }) {
  return handler({
    consumer: 'featurize-system-applied',
    event: events.systemApplied,
    pace: 'control',
    handle: async ({ event: { body }, tx, emit }) => {
      const db = tx as unknown as Db;
      const store = new Store(db, tenant);
      const system = systemFromJson(body.specJson);
      const source = system.source.name;
      const before = await store.view(body.system);
      // Segments of the source either see its new series or are seen by whoever fills them.
      for (const name of [...new Set([source, before?.source ?? source])].sort())
        await store.lockSource(name);
      const { specJson, specDigest, version } = body;
      if (!(await store.addView({ system: body.system, version, source, specJson, specDigest }))) return;
      await needSeries(store, new WindowStore(db, tenant), source, new Date(clock.now()));
      if (before && before.source !== source) {
        await needSeries(store, new WindowStore(db, tenant), before.source, new Date(clock.now()));
      }
      await emit(events.featureViewDefined, body.system, {
        system: body.system,
        version,
        digest: specDigest,
        features: system.features.map(({ name }) => name),
      });
      wake();
    },
  });
}

/** Brings a source's series to what the newest versions of its systems need together. */
async function needSeries(store: Store, windows: WindowStore, source: string, now: Date): Promise<void> {
  const needed = new Map<string, NeededSeries>();
  for (const specJson of await store.specsOfSource(source)) {
    for (const series of seriesOfSystem(systemFromJson(specJson))) {
      needed.set(series.seriesId, { ...series, ...widest(needed.get(series.seriesId), series) });
    }
  }
  for (const series of needed.values()) await windows.need(series, now);
  await windows.dropOthers(source, [...needed.keys()]);
}
