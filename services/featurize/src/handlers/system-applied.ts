import { handler } from '@perennial/bus';
import { events } from '@perennial/contracts';
import type { Clock } from '@perennial/kernel';
import { systemFromJson } from '@perennial/spec';
import { sourcesOf } from '../decide/series.js';
import { needSeries } from '../online/need-series.js';
import { Store } from '../store.js';
import type { Db } from '../tables.js';

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
      // Segments of a source either see its new series or are seen by whoever fills them.
      const sources = new Set([
        ...sourcesOf(system),
        ...(before ? sourcesOf(systemFromJson(before.specJson)) : []),
      ]);
      for (const name of [...sources].sort()) await store.lockSource(name);
      const { specJson, specDigest, version } = body;
      if (!(await store.addView({ system: body.system, version, source, specJson, specDigest }))) return;
      for (const name of sources) await needSeries({ db, tenant }, name, new Date(clock.now()));
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
