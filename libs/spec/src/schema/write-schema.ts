import { stringify } from 'yaml';
import type { ColumnSchema, DatasetSchema, SchemaDocument } from './schema.js';

/** The schema as a file to be looked at and edited; `parseSchema` reads the same schema back. */
export function schemaYaml(schema: SchemaDocument): string {
  const file = {
    apiVersion: 'perennial/v1',
    kind: 'Schema',
    source: schema.source,
    of: schema.of,
    ...(schema.notes?.length && { notes: schema.notes }),
    columns: Object.fromEntries(
      Object.entries(schema.columns).map(([name, column]) => [name, columnFile(column)]),
    ),
    ...(schema.rules.length && { rules: schema.rules }),
    ...(Object.keys(schema.dataset).length && { dataset: datasetFile(schema.dataset) }),
  };
  return stringify(file, { lineWidth: 110 });
}

function columnFile(column: ColumnSchema): object {
  const { presence, domain, distinct, valency, missingAs, skew, drift, notes, ...rest } = column;
  const { shape, ...counts } = valency ?? {};
  const { unique, ...bounds } = distinct ?? {};
  return {
    ...rest,
    ...(presence && { presence: presenceFile(presence) }),
    ...(domain && { domain: domainFile(domain) }),
    ...(unique && { unique }),
    ...(distinct && (!unique || Object.keys(bounds).length > 0) && { distinct: bounds }),
    ...(shape && { shape }),
    ...(valency && (!shape || Object.keys(counts).length > 0) && { valency: counts }),
    ...(missingAs && { 'missing-as': missingAs }),
    ...(skew && { skew: thresholdsFile(skew) }),
    ...(drift && { drift: thresholdsFile(drift) }),
    ...(notes && { notes }),
  };
}

function presenceFile({ minFraction, minCount }: NonNullable<ColumnSchema['presence']>): object | string {
  if (minFraction === 1 && minCount === undefined) return 'required';
  return {
    ...(minFraction !== undefined && { 'min-fraction': minFraction }),
    ...(minCount !== undefined && { 'min-count': minCount }),
  };
}

function domainFile({ values, closed, minMass }: NonNullable<ColumnSchema['domain']>): object {
  if (closed && minMass === undefined) return values;
  return { values, closed, ...(minMass !== undefined && { 'min-mass': minMass }) };
}

function thresholdsFile({ lInfinity, jensenShannon, absolute }: NonNullable<ColumnSchema['drift']>): object {
  return {
    ...(lInfinity !== undefined && { 'l-infinity': lInfinity }),
    ...(jensenShannon !== undefined && { 'jensen-shannon': jensenShannon }),
    ...(absolute !== undefined && { absolute }),
  };
}

function datasetFile(dataset: DatasetSchema): object {
  const { rows, freshness, intervalMs, volume, newColumns, ...rest } = dataset;
  const { againstPrevious, ...bounds } = rows ?? {};
  return {
    ...rest,
    ...(rows && { rows: { ...bounds, ...(againstPrevious && { 'against-previous': againstPrevious }) } }),
    ...(freshness && { freshness: { within: durationText(freshness.withinMs) } }),
    ...(intervalMs !== undefined && { interval: durationText(intervalMs) }),
    ...(volume && { volume: volumeFile(volume) }),
    ...(newColumns && { 'new-columns': newColumns }),
  };
}

function volumeFile({ perMs, falseAlarms, ...bounds }: NonNullable<DatasetSchema['volume']>): object {
  return {
    per: durationText(perMs),
    ...bounds,
    ...(falseAlarms !== undefined && { 'false-alarms': falseAlarms }),
  };
}

const units: readonly [string, number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
];

/** In the largest unit that divides it. */
function durationText(ms: number): string {
  const unit = units.find(([, size]) => ms % size === 0);
  return unit ? `${ms / unit[1]}${unit[0]}` : `${ms}ms`;
}
