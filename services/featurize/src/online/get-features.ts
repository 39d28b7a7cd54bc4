import type { JsonObject } from '@bufbuild/protobuf';
import { type Timestamp, timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { FeatureStatus, type GetFeaturesRequest } from '@perennial/contracts';
import { formatEventTime, invalid, limits } from '@perennial/kernel';
import type { Feature, System } from '@perennial/spec';
import { columnsRead } from '../decide/columns-read.js';
import { type AskedRow, readAskedRow } from '../decide/online-row.js';
import type { NeededSeries } from '../decide/series.js';
import { Store } from '../store.js';
import { type Entity, type EntityRow, entityRows } from './entity-rows.js';
import { foundValues } from './found-values.js';
import type { Found, OnlineMeans } from './means.js';

const msUs = 1_000;

export interface FeatureMeans extends OnlineMeans {
  /** Sees to it that a series is kept from now on. */
  readonly keep: (series: NeededSeries) => Promise<void>;
}

/**
 * The features of entities by their keys, as of a time: what a row with the columns of each entity's newest row would
 * be given if it came then. What is older than the time to live is not given.
 *
 * @throws PlatformError SYSTEM_NOT_FOUND, ENTITIES_INVALID, FEATURE_UNKNOWN, EVENT_TIME_INVALID
 */
export async function getFeatures(means: FeatureMeans, request: GetFeaturesRequest) {
  const store = new Store(means.db, means.tenant);
  const { system, version, newestUs: newest } = await means.systems.newestWithData(store, request.view);
  const read = columnsRead(system);
  checkEntities(request.entities, system, read);
  const features = chosen(system, request.features);
  const asOfMs = request.asOf
    ? timestampMs(request.asOf)
    : newest === undefined
      ? 0
      : Math.floor(newest / msUs) + 1;
  const { entities } = request;
  const rows = await entityRows(means, system, { entities, timeUs: Math.round(asOfMs * msUs) });
  const asked = entities.map((entity, index) =>
    readAskedRow(system, rowOf(entity, rows[index], { system, read, asOfMs }), { index, nextMs: asOfMs }),
  );
  const found = await foundValues(means, { ...system, features: [...features] }, asked, { withTimes: true });
  const known: Known = { asOfMs, ttlMs: Number(request.ttlMs) };
  return {
    viewVersion: version,
    asOf: timestampFromMs(asOfMs),
    features: features.map(({ name }) => name),
    entities: entities.map((entity, index) =>
      answerOf(
        features,
        { entity, row: rows[index], asked: asked[index] as AskedRow, found: found[index] ?? {} },
        known,
      ),
    ),
    ...(newest !== undefined && { newest: timestampOf(newest) }),
  };
}

interface Known {
  readonly asOfMs: number;
  /** 0 where there is none. */
  readonly ttlMs: number;
}

function checkEntities(entities: readonly Entity[], { source }: System, read: ReadonlySet<string>): void {
  if (entities.length === 0 || entities.length > limits.predictRowsMax) {
    throw wrong('entities', `send 1 to ${limits.predictRowsMax}, not ${entities.length}`);
  }
  for (const [index, entity] of entities.entries()) {
    for (const column of source.key) {
      if (entity[column] === undefined || entity[column] === null)
        throw wrong(
          `entities[${index}].${column}`,
          `it is missing; the key of ${source.name} is ${source.key.join(', ')}`,
        );
    }
    const unknown = Object.keys(entity).find((name) => !read.has(name) && !source.key.includes(name));
    if (unknown !== undefined)
      throw wrong(`entities[${index}].${unknown}`, `no feature reads it; send ${[...read].join(', ')}`);
  }
}

function wrong(field: string, how: string) {
  return invalid('ENTITIES_INVALID', `${field}: ${how}`, { field });
}

function chosen({ features }: System, names: readonly string[]): readonly Feature[] {
  const unknown = names.find((name) => !features.some((feature) => feature.name === name));
  if (unknown !== undefined) {
    throw invalid(
      'FEATURE_UNKNOWN',
      `features: there is no "${unknown}" in the view; it has ${features.map(({ name }) => name).join(', ')}`,
      {
        field: 'features',
      },
    );
  }
  return names.length === 0 ? features : features.filter(({ name }) => names.includes(name));
}

/** The row that is asked about: columns of the entity's newest row, under what was sent. */
function rowOf(
  entity: Entity,
  row: EntityRow | undefined,
  { system, read, asOfMs }: { system: System; read: ReadonlySet<string>; asOfMs: number },
): Record<string, unknown> {
  const before = [...read].map((name) => [name, row?.cells[name.toLowerCase()] ?? null] as const);
  return {
    ...Object.fromEntries(before.filter(([name]) => !isMade(system, name))),
    ...Object.fromEntries(Object.entries(entity)),
    [system.source.time]: formatEventTime(asOfMs),
  };
}

/** A feature that is computed wins over a column of the row that is called as it. */
function isMade({ features }: System, name: string): boolean {
  return features.some(
    (feature) => feature.name === name && !('column' in feature && feature.column === name),
  );
}

interface Answered {
  readonly entity: JsonObject | Entity;
  readonly row: EntityRow | undefined;
  readonly asked: AskedRow;
  readonly found: Readonly<Record<string, Found>>;
}

function answerOf(
  features: readonly Feature[],
  { entity, row, asked, found }: Answered,
  { asOfMs, ttlMs }: Known,
) {
  const values: Record<string, unknown> = {};
  const freshness = features.map((feature) => {
    const { name } = feature;
    const isSent = 'column' in feature && Object.hasOwn(entity, feature.column);
    const one: Found = found[name] ?? {
      value: asked.features[name] ?? null,
      eventUs: isSent ? asOfMs * msUs : row?.eventUs,
    };
    const ageMs = one.eventUs === undefined ? 0 : Math.max(0, asOfMs - one.eventUs / msUs);
    const isExpired = ttlMs > 0 && one.eventUs !== undefined && ageMs > ttlMs;
    values[name] = isExpired ? null : one.value;
    return {
      feature: name,
      status: isExpired
        ? FeatureStatus.EXPIRED
        : one.value === null
          ? FeatureStatus.MISSING
          : FeatureStatus.PRESENT,
      ...(one.eventUs !== undefined && { eventTime: timestampOf(one.eventUs) }),
      ageMs: BigInt(Math.floor(ageMs)),
    };
  });
  return { key: asked.key as JsonObject, features: values as JsonObject, freshness };
}

function timestampOf(us: number): Timestamp {
  return timestampFromMs(us / msUs);
}
