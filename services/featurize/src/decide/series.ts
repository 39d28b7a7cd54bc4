import { canonicalJson, digestOf } from '@perennial/kernel';
import type { LookupFeature, System, WindowFeature } from '@perennial/spec';
import { reachUs } from './window-bounds.js';

/** What windows look at: a column or expression of rows, or the labels that arrived, grouped. */
export interface Series {
  readonly seriesId: string;
  readonly source: string;
  readonly kind: 'rows' | 'labels';
  readonly from: { readonly column: string } | { readonly expr: string };
  readonly by: readonly string[];
  /** The source's time column, as expressions name it, and its key, by which labels are told apart. */
  readonly time: string;
  readonly key: readonly string[];
}

/** What a lookup keeps of the rows of its source: all that says which version is seen, and what it gives. */
export type VersionOf = Pick<LookupFeature, 'from' | 'created' | 'deleted' | 'size'>;

/** What is kept for answers: values of windows, whole rows of entities, or versions of what is looked up. */
export interface KeptSeries extends Omit<Series, 'from'> {
  readonly from: Series['from'] | { readonly row: true } | { readonly version: VersionOf };
}

/** How much of a series must be at hand. */
export interface Need {
  readonly horizonUs: number;
  /** Values of each group before the horizon; 0 where no window counts. */
  readonly lastCount: number;
}

export type NeededSeries = KeptSeries & Need;

/** Hex digits of a series' id: 96 bits are enough to never meet. */
const idDigits = 24;

export function windowFeatures({ features }: Pick<System, 'features'>): WindowFeature[] {
  return features.filter((feature) => feature.kind === 'window');
}

/** The series that a window feature looks at. Equal definitions of two systems are one series. */
export function seriesOf({ source, label }: System, feature: WindowFeature): Series {
  const isLabel = feature.from === label.name || feature.from === label.column;
  const kind = isLabel && label.column !== undefined ? ('labels' as const) : ('rows' as const);
  const from = originOf(feature.from, isLabel ? label : undefined);
  const definition = {
    source: source.name,
    kind,
    from,
    by: feature.by,
    time: source.time,
    key: source.key,
  };
  return identified(definition);
}

function identified<Definition extends object>(definition: Definition): Definition & { seriesId: string } {
  return { seriesId: digestOf(canonicalJson(definition)).slice(7, 7 + idDigits), ...definition };
}

/** Whole rows of a source by its key, of which the newest one of each entity is kept; every view shares them. */
export function entitySeries({ source }: Pick<System, 'source'>): NeededSeries {
  const { name, time, key } = source;
  const definition = {
    source: name,
    kind: 'rows' as const,
    from: { row: true as const },
    by: key,
    time,
    key,
  };
  return { ...identified(definition), horizonUs: 0, lastCount: 1 };
}

/** Versions that are kept of each key: which of several is seen may depend on when they were written. */
export const versionsKept = 16;

/** Versions of what a lookup looks up. */
export function lookupSeries(feature: LookupFeature): NeededSeries {
  const { source, from, created, deleted, size, on } = feature;
  const version = {
    from,
    ...(created !== undefined && { created }),
    ...(deleted !== undefined && { deleted }),
    ...(size !== undefined && { size }),
  };
  const by = on.map(({ column }) => column);
  const definition = { source, kind: 'rows' as const, from: { version }, by, time: '', key: by };
  return { ...identified(definition), horizonUs: 0, lastCount: versionsKept };
}

export function lookupFeatures({ features }: Pick<System, 'features'>): LookupFeature[] {
  return features.filter((feature) => feature.kind === 'lookup');
}

/** Sources whose rows a system reads: its own, and those that it looks things up in. */
export function sourcesOf(system: System): string[] {
  return [...new Set([system.source.name, ...lookupFeatures(system).map(({ source }) => source)])].sort();
}

function originOf(from: WindowFeature['from'], label: System['label'] | undefined): Series['from'] {
  if (typeof from === 'object') return { expr: from.expr };
  return label?.expr === undefined ? { column: label?.column ?? from } : { expr: label.expr };
}

/** All series of a system, each once, with what its windows need of it together. */
export function seriesOfSystem(system: System): NeededSeries[] {
  const needed = new Map<string, NeededSeries>();
  for (const feature of windowFeatures(system)) {
    const series = seriesOf(system, feature);
    const need = {
      horizonUs: reachUs(feature),
      lastCount: 'last' in feature.window ? feature.window.last : 0,
    };
    needed.set(series.seriesId, { ...series, ...widest(needed.get(series.seriesId), need) });
  }
  for (const feature of lookupFeatures(system)) {
    const series = lookupSeries(feature);
    needed.set(series.seriesId, series);
  }
  return [...needed.values()];
}

export function widest(a: Need | undefined, b: Need): Need {
  return {
    horizonUs: Math.max(a?.horizonUs ?? 0, b.horizonUs),
    lastCount: Math.max(a?.lastCount ?? 0, b.lastCount),
  };
}

/** Length from which a group's name is kept as its digest: an index entry has a bound. */
const byKeyCharactersMax = 200;

/** The group of a row by the values of its `by` columns; what is missing is null. */
export function byKeyOf(by: readonly string[], row: Readonly<Record<string, unknown>>): string {
  const json = canonicalJson(by.map((column) => (Object.hasOwn(row, column) ? (row[column] ?? null) : null)));
  return json.length > byKeyCharactersMax ? digestOf(json) : json;
}
