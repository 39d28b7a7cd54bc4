import type { JsonObject } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ArtifactStore } from '@perennial/artifacts';
import type { GetOnlineRequest } from '@perennial/contracts';
import type { System, WindowFeature } from '@perennial/spec';
import type { Tables } from '@perennial/tables';
import { aggregate } from '../decide/aggregate.js';
import { type AskedRow, checkRowCount, type FeatureValue, readAskedRow } from '../decide/online-row.js';
import { byKeyOf, seriesOf, spanOf, windowFeatures } from '../decide/series.js';
import { pastWindows } from '../effects/past-windows.js';
import { newestUs, Store } from '../store.js';
import type { Systems } from '../systems.js';
import type { Db } from '../tables.js';
import { type SeriesState, WindowStore } from '../window-store.js';

export interface OnlineMeans {
  readonly tenant: string;
  readonly db: Db;
  readonly systems: Systems;
  readonly tables: Tables;
  readonly artifacts: ArtifactStore;
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
      features: inOrder(system, { ...windows[index], ...row.features }),
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

function inOrder({ features }: System, values: Readonly<Record<string, FeatureValue>>): JsonObject {
  return Object.fromEntries(features.map(({ name }) => [name, values[name] ?? null]));
}

/** For each row the windows that the client did not send. */
async function windowValues(
  means: OnlineMeans,
  store: Store,
  system: System,
  rows: readonly AskedRow[],
): Promise<Record<string, FeatureValue>[]> {
  const found: Record<string, FeatureValue>[] = rows.map(() => ({}));
  const features = windowFeatures(system);
  const ids = [...new Set(features.map((feature) => seriesOf(system, feature).seriesId))];
  const states = await new WindowStore(means.db, means.tenant).series(ids);
  await Promise.all(
    features.map(async (feature) => {
      const wanted = rows.flatMap((row, index) =>
        Object.hasOwn(row.features, feature.name) ? [] : [{ row, index }],
      );
      if (wanted.length === 0) return;
      const values = await windowOf(
        means,
        store,
        { system, feature, states },
        wanted.map(({ row }) => row),
      );
      for (const [place, { index }] of wanted.entries()) {
        (found[index] as Record<string, FeatureValue>)[feature.name] = values[place] ?? null;
      }
    }),
  );
  return found;
}

interface Window {
  readonly system: System;
  readonly feature: WindowFeature;
  readonly states: ReadonlyMap<string, SeriesState>;
}

/** From what is kept, as far as it reaches; from the segments beyond. */
async function windowOf(
  means: OnlineMeans,
  store: Store,
  { system, feature, states }: Window,
  rows: readonly AskedRow[],
): Promise<(FeatureValue | undefined)[]> {
  const { seriesId } = seriesOf(system, feature);
  const keptFromUs = states.get(seriesId)?.keptFromUs ?? Number.POSITIVE_INFINITY;
  const { beginUs, endUs } = spanOf(feature);
  const probes = rows.map(({ eventTimeMs, row }, index) => {
    const timeUs = Math.round(eventTimeMs * msUs);
    const hiUs = timeUs - endUs;
    return {
      index,
      timeUs,
      row,
      byKey: byKeyOf(feature.by, row),
      loUs: beginUs === undefined ? hiUs : timeUs - beginUs,
      hiUs,
    };
  });
  const values: (FeatureValue | undefined)[] = rows.map(() => undefined);
  const kept = probes.filter(({ loUs }) => loUs >= keptFromUs);
  const past = probes.filter(({ loUs }) => loUs < keptFromUs);
  if (kept.length > 0) {
    const windows = new WindowStore(means.db, means.tenant);
    const lists =
      'last' in feature.window
        ? await windows.lastValues(seriesId, kept, feature.window.last)
        : await windows.valuesIn(seriesId, kept);
    for (const [place, { index }] of kept.entries())
      values[index] = aggregate(feature.as, lists[place] ?? []);
  }
  if (past.length > 0) {
    const computed = await pastWindows({ store, ...means }, system, feature, past);
    for (const [place, { index }] of past.entries()) values[index] = computed[place];
  }
  return values;
}
