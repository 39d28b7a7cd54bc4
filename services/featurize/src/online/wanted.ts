import type { LookupFeature, System, WindowFeature } from '@perennial/spec';
import { aggregate } from '../decide/aggregate.js';
import { lookUp } from '../decide/lookup.js';
import type { AskedRow, FeatureValue } from '../decide/online-row.js';
import { byKeyOf, lookupSeries, seriesOf, versionsKept } from '../decide/series.js';
import { windowBounds } from '../decide/window-bounds.js';
import type { Seen, WindowProbe } from '../window-store.js';
import type { Found } from './means.js';

const msUs = 1_000;

/** One row's question about a feature that is made of what came before. */
export interface Ask {
  /** Of the row. */
  readonly index: number;
  readonly timeUs: number;
  readonly row: AskedRow['row'];
  readonly probe: WindowProbe;
}

/** What rows that were sent without a feature ask about it, and what kept values answer. */
export interface Wanted {
  readonly feature: WindowFeature | LookupFeature;
  readonly asks: readonly Ask[];
  /** Undefined where the kept values do not tell. */
  readonly answer: (seen: Seen, timeUs: number) => Found | undefined;
}

export function wantedOf(
  system: System,
  feature: WindowFeature | LookupFeature,
  rows: readonly AskedRow[],
): Wanted {
  return feature.kind === 'window' ? wantedWindow(system, feature, rows) : wantedLookup(feature, rows);
}

function wantedWindow(system: System, feature: WindowFeature, rows: readonly AskedRow[]): Wanted {
  const { seriesId } = seriesOf(system, feature);
  const last = 'last' in feature.window ? feature.window.last : undefined;
  const asks = asksOf(feature, rows, (row, timeUs) => ({
    seriesId,
    byKey: byKeyOf(feature.by, row),
    ...windowBounds(feature, timeUs),
    last,
  }));
  const answer = ({ values, newestUs }: Seen) => ({ value: aggregate(feature, values), eventUs: newestUs });
  return { feature, asks, answer };
}

function wantedLookup(feature: LookupFeature, rows: readonly AskedRow[]): Wanted {
  const { seriesId } = lookupSeries(feature);
  const names = feature.on.map(({ equals }) => equals);
  const asks = asksOf(feature, rows, (row, timeUs) => ({
    seriesId,
    byKey: byKeyOf(names, row),
    loUs: undefined,
    hiUs: feature.edge === 'exclusive' ? timeUs : timeUs + 1,
    last: versionsKept,
    isWhole: true,
  }));
  return { feature, asks, answer: (seen, timeUs) => versionSeen(feature, seen, timeUs) };
}

function asksOf(
  { name }: { name: string },
  rows: readonly AskedRow[],
  probeOf: (row: AskedRow['row'], timeUs: number) => WindowProbe,
): Ask[] {
  return rows.flatMap(({ eventTimeMs, row, features }, index) => {
    if (Object.hasOwn(features, name)) return [];
    const timeUs = Math.round(eventTimeMs * msUs);
    return [{ index, timeUs, row, probe: probeOf(row, timeUs) }];
  });
}

/** A version as it is kept: what it gives, when it was written, and whether it says that the thing is gone. */
interface KeptVersion {
  readonly v: FeatureValue;
  readonly c: number | null;
  readonly d: boolean;
}

function versionSeen(feature: LookupFeature, { values, places }: Seen, timeUs: number): Found | undefined {
  const versions = values.map(({ text }, at) => {
    const { eventUs, position } = places[at] as Seen['places'][number];
    const value = JSON.parse(text ?? 'null') as KeptVersion;
    return { eventUs, position, createdUs: value.c, value, isDeleted: false };
  });
  const { ttlMs, ...rules } = feature;
  const winner = lookUp(rules, versions, timeUs);
  // Further versions than are kept may be older or, at the very instant of the oldest, come after it.
  const isOpen = values.length >= versionsKept && (!winner || winner.eventUs === versions[0]?.eventUs);
  if (isOpen) return undefined;
  if (!winner) return { value: null, eventUs: undefined };
  const isOld = ttlMs !== undefined && timeUs - winner.eventUs > Math.round(ttlMs * msUs);
  return { value: winner.value.d || isOld ? null : winner.value.v, eventUs: winner.eventUs };
}
