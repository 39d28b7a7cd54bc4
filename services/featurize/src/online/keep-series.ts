import type { Clock } from '@perennial/kernel';
import type { NeededSeries } from '../decide/series.js';
import { Store } from '../store.js';
import type { Db } from '../tables.js';
import { WindowStore } from '../window-store.js';

/** Has series filled that nobody has asked for before; what is there already is left alone. */
export function seriesKeeper({
  db,
  tenant,
  clock,
  transact,
  wake,
}: {
  db: Db;
  tenant: string;
  clock: Clock;
  transact: <T>(work: (tx: Db) => Promise<T>) => Promise<T>;
  wake: () => void;
}): (series: NeededSeries) => Promise<void> {
  return async (series) => {
    // Usually it is there, and waits for whoever fills it: nothing is to be locked for that.
    if ((await new WindowStore(db, tenant).series([series.seriesId])).size > 0) return;
    const isNew = await transact(async (tx) => {
      // Segments of the source either see the series or are seen by whoever fills it.
      await new Store(tx, tenant).lockSource(series.source);
      const windows = new WindowStore(tx, tenant);
      if ((await windows.series([series.seriesId])).size > 0) return false;
      await windows.need(series, new Date(clock.now()));
      return true;
    });
    if (isNew) wake();
  };
}
