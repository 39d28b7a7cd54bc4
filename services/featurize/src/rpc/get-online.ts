import type { JsonObject } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ArtifactStore } from '@perennial/artifacts';
import type { GetOnlineRequest } from '@perennial/contracts';
import type { System, WindowFeature } from '@perennial/spec';
import type { Tables } from '@perennial/tables';
import { aggregate } from '../decide/aggregate.js';
import { modelValues } from '../decide/model-values.js';
import { type AskedRow, checkRowCount, type FeatureValue, readAskedRow } from '../decide/online-row.js';
import { byKeyOf, seriesOf, windowFeatures } from '../decide/series.js';
import { windowBounds } from '../decide/window-bounds.js';
import { pastWindows } from '../effects/past-windows.js';
import { newestUs, Store } from '../store.js';
import type { Systems } from '../systems.js';
import type { Db } from '../tables.js';
import { type WindowProbe, WindowStore } from '../window-store.js';

export interface OnlineMeans {
  readonly tenant: string;
  readonly db: Db;
  readonly systems: Systems;
  readonly tables: Tables;
  readonly artifacts: ArtifactStore;
  /** Folder for files on their way. */
  readonly workFolder: string;
}

const msUs = 1_000;

/** The features of rows as of their event times, with the newest version of the system. */
export async function getOnline(means: OnlineMeans, { system: name, rows }: GetOnlineRequest) {
  checkRowCount(rows.length);
  const store = new Store(means.db, means.tenant);
  const { system, version } = await means.systems.newest(store, name);
  const nextMs = await nextTimeMs(store, system, rows);
  const asked = rows.map((row, index) => readAskedRow(system, row, { index, nextMs }));
  const windows = await windowValues(means, store, system, asked);
  return {
    systemVersion: version,
    rows: asked.map((row, index) => ({
      eventTime: timestampFromMs(row.eventTimeMs),
      key: row.key as JsonObject,
      features: modelValues(system, { ...windows[index], ...row.features }),
      provided: [...row.provided],
    })),
  };
}

/** Data time "now" of a source: a millisecond after its newest data. Looked up only where a row needs it. */
async function nextTimeMs(store: Store, { source }: System, rows: readonly JsonObject[]): Promise<number> {
  const isNeeded = rows.some((row) => row[source.time] === undefined || row[source.time] === null);
  const state = isNeeded ? await store.source(source.name) : undefined;
  const newest = state && newestUs(state);
  return newest === undefined ? 0 : Math.floor(newest / msUs) + 1;
}

/** For each row the windows that the client did not send: from what is kept, as far as it reaches; else from the segments. */
async function windowValues(
  means: OnlineMeans,
  store: Store,
  system: System,
  rows: readonly AskedRow[],
): Promise<Record<string, FeatureValue>[]> {
  const found: Record<string, FeatureValue>[] = rows.map(() => ({}));
  const wanted = windowFeatures(system).map((feature) => wantedOf(system, feature, rows));
  const probes = new Probes();
  const places = wanted.map(({ asks }) => asks.map(({ probe }) => probes.add(probe)));
  const kept = await new WindowStore(means.db, means.tenant).look(probes.distinct);
  await Promise.all(
    wanted.map(async ({ feature, asks }, at) => {
      const past: WindowAsk[] = [];
      const known = new Map<number, FeatureValue>();
      for (const [order, ask] of asks.entries()) {
        const place = places[at]?.[order] as number;
        const values = kept[place];
        if (!values) past.push(ask);
        else {
          // Of requests that come together many ask for the same window.
          const value = known.get(place) ?? aggregate(feature, values);
          known.set(place, value);
          (found[ask.index] as Record<string, FeatureValue>)[feature.name] = value;
        }
      }
      if (past.length === 0) return;
      const computed = await pastWindows({ store, ...means }, system, feature, past);
      for (const [order, { index }] of past.entries())
        (found[index] as Record<string, FeatureValue>)[feature.name] = computed[order] ?? null;
    }),
  );
  return found;
}

interface WindowAsk {
  /** Of the row. */
  readonly index: number;
  readonly timeUs: number;
  readonly row: AskedRow['row'];
  readonly probe: WindowProbe;
}

/** What the rows that were sent without a window feature ask the store about it. */
function wantedOf(
  system: System,
  feature: WindowFeature,
  rows: readonly AskedRow[],
): { feature: WindowFeature; asks: WindowAsk[] } {
  const { seriesId } = seriesOf(system, feature);
  const last = 'last' in feature.window ? feature.window.last : undefined;
  const asks = rows.flatMap(({ eventTimeMs, row, features }, index) => {
    if (Object.hasOwn(features, feature.name)) return [];
    const timeUs = Math.round(eventTimeMs * msUs);
    const probe = { seriesId, byKey: byKeyOf(feature.by, row), ...windowBounds(feature, timeUs), last };
    return [{ index, timeUs, row, probe }];
  });
  return { feature, asks };
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
