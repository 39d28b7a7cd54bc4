import type { System } from '@perennial/spec';
import type { AskedRow } from '../decide/online-row.js';
import { lookupFeatures, windowFeatures } from '../decide/series.js';
import { pastWindows } from '../effects/past-windows.js';
import { Store } from '../store.js';
import { type WindowProbe, WindowStore } from '../window-store.js';
import type { Found, OnlineMeans } from './means.js';
import { pastLookups } from './past-lookups.js';
import { type Ask, type Wanted, wantedOf } from './wanted.js';

/**
 * For each row the windows and lookups that were not sent, by feature: from what is kept, as far as it reaches; else
 * from the segments. Event times of what is computed from the segments are asked for `withTimes` only.
 */
export async function foundValues(
  means: OnlineMeans,
  system: System,
  rows: readonly AskedRow[],
  { withTimes = false } = {},
): Promise<Record<string, Found>[]> {
  const found: Record<string, Found>[] = rows.map(() => ({}));
  const features = [...windowFeatures(system), ...lookupFeatures(system)];
  const wanted = features.map((feature) => wantedOf(system, feature, rows));
  const probes = new Probes();
  const places = wanted.map(({ asks }) => asks.map(({ probe }) => probes.add(probe)));
  const kept = await new WindowStore(means.db, means.tenant, means.prepared).look(probes.distinct);
  await Promise.all(
    wanted.map(async ({ feature, asks, answer }, at) => {
      const past: Ask[] = [];
      const known = new Map<number, Found>();
      for (const [order, ask] of asks.entries()) {
        const place = places[at]?.[order] as number;
        const seen = kept[place];
        // Of requests that come together many ask for the same window; lookups have a time to live of their own.
        const one = known.get(place) ?? (seen && answer(seen, ask.timeUs));
        if (!one) past.push(ask);
        else {
          if (feature.kind === 'window') known.set(place, one);
          (found[ask.index] as Record<string, Found>)[feature.name] = one;
        }
      }
      if (past.length === 0) return;
      const computed = await pastValues(means, system, { feature, asks: past, withTimes });
      for (const [order, { index }] of past.entries())
        (found[index] as Record<string, Found>)[feature.name] = computed[order] as Found;
    }),
  );
  return found;
}

async function pastValues(
  { db, tenant, tables, artifacts }: OnlineMeans,
  system: System,
  { feature, asks, withTimes }: Pick<Wanted, 'feature' | 'asks'> & { withTimes: boolean },
): Promise<Found[]> {
  const means = { store: new Store(db, tenant), tables, artifacts };
  if (feature.kind === 'lookup') return pastLookups(means, feature, asks);
  const values = await pastWindows(means, system, feature, asks);
  const times = withTimes ? await pastWindows(means, system, feature, asks, 'times') : [];
  return values.map((value, order) => {
    const time = times[order];
    return { value, eventUs: typeof time === 'number' ? time : undefined };
  });
}

/** Each probe once. */
class Probes {
  readonly distinct: WindowProbe[] = [];
  readonly #places = new Map<string, number>();

  /** Its place among the distinct ones. */
  add(probe: WindowProbe): number {
    const { seriesId, byKey, loUs, hiUs, last } = probe;
    const name = `${seriesId} ${loUs} ${hiUs} ${last} ${byKey}`;
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    this.#places.set(name, this.distinct.length);
    return this.distinct.push(probe) - 1;
  }
}
