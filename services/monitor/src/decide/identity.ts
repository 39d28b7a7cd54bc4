import type { System } from '@perennial/spec';

type Value = unknown;

/**
 * Which columns of a row tell it from others of the same event time: the source's key; where labels are computed from
 * the rows themselves also the columns that are features, since such sources often have no key (many flights leave in
 * one minute).
 */
export function identityColumns(system: System): {
  key: string[];
  features: { name: string; column: string }[];
} {
  const features = system.features
    .filter((feature) => feature.kind === 'column')
    .map(({ name, column }) => ({ name, column }));
  return { key: [...system.source.key], features: system.label.expr === undefined ? [] : features };
}

/** Gives the identities of the rows of a system's predictions. */
export function identityOfPredictions(
  system: System,
): (key: Readonly<Record<string, Value>>, features: Readonly<Record<string, Value>>) => string {
  const columns = identityColumns(system);
  return (key, features) =>
    identity([
      ...columns.key.map((name) => key[name]),
      ...columns.features.map(({ name }) => features[name]),
    ]);
}

/** The identity of a row of a segment, from its columns in the order of `identityColumns`. */
export function identity(values: readonly Value[]): string {
  return JSON.stringify(values.map((value) => (value === null || value === undefined ? '' : String(value))));
}
