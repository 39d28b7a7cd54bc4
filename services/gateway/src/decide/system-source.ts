import type { JsonObject } from '@bufbuild/protobuf';
import { parseEventTime } from '@perennial/kernel';

/** What the gateway must know of a system's source: where a row holds its event time and its entity key. */
export interface SystemSource {
  readonly name: string;
  readonly time: string;
  readonly key: readonly string[];
}

/** A model that was brought by itself has no rows of a source: no time, no key. */
const noSource: SystemSource = { name: '', time: '', key: [] };

/** Reads it from the canonical JSON that events carry; libs/spec checked it when the system was applied. */
export function systemSource(specJson: string): SystemSource {
  if (specJson === '') return noSource;
  const { source } = JSON.parse(specJson) as { source: { name: string; time: string; key?: string[] } };
  return { name: source.name, time: source.time, key: source.key ?? [] };
}

/** Event time and key of a row; the time is undefined where the row has none. */
export function placeOfRow(
  source: SystemSource,
  row: JsonObject,
  field: string,
): { eventTimeMs: number | undefined; key: JsonObject } {
  const time = source.time === '' ? undefined : row[source.time];
  const key: JsonObject = {};
  for (const name of source.key) key[name] = row[name] ?? null;
  return {
    eventTimeMs: time === undefined ? undefined : parseEventTime(time, `${field}.${source.time}`),
    key,
  };
}
