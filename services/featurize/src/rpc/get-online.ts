import type { JsonObject } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { GetOnlineRequest } from '@perennial/contracts';
import type { System } from '@perennial/spec';
import { modelValues } from '../decide/model-values.js';
import { checkRowCount, type FeatureValue, readAskedRow } from '../decide/online-row.js';
import { foundValues } from '../online/found-values.js';
import type { Found, OnlineMeans } from '../online/means.js';
import { newestUs, Store } from '../store.js';

const msUs = 1_000;

/** The features of rows as of their event times, with the newest version of the system. */
export async function getOnline(means: OnlineMeans, { system: name, rows }: GetOnlineRequest) {
  checkRowCount(rows.length);
  const store = new Store(means.db, means.tenant);
  const { system, version } = await means.systems.newest(store, name);
  const nextMs = await nextTimeMs(store, system, rows);
  const asked = rows.map((row, index) => readAskedRow(system, row, { index, nextMs }));
  const found = await foundValues(means, system, asked);
  return {
    systemVersion: version,
    rows: asked.map((row, index) => ({
      eventTime: timestampFromMs(row.eventTimeMs),
      key: row.key as JsonObject,
      features: modelValues(system, { ...valuesOf(found[index] ?? {}), ...row.features }),
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

function valuesOf(found: Readonly<Record<string, Found>>): Record<string, FeatureValue> {
  return Object.fromEntries(Object.entries(found).map(([name, { value }]) => [name, value]));
}
