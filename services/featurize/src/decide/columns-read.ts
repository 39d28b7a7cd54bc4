import { columnsOfExpression, type Feature, parseExpression, type System } from '@perennial/spec';

/** Expressions are read once a system: a call has no time for it. */
const known = new WeakMap<Pick<System, 'features'>, ReadonlySet<string>>();

/** Columns of the rows that a system's features read, and its key; of windows over labels only those they group by. */
export function columnsRead(system: System): ReadonlySet<string> {
  const before = known.get(system);
  if (before) return before;
  const read = readBy(system);
  known.set(system, read);
  return read;
}

function readBy({ features, label, source }: System): Set<string> {
  const ofFeature = (feature: Feature): readonly string[] => {
    switch (feature.kind) {
      case 'column':
      case 'embedding':
        return [feature.column];
      case 'expr':
        return columnsOfExpression(parseExpression(feature.expr, 'expr'));
      case 'lookup':
        return feature.on.map(({ equals }) => equals);
      case 'window':
        return feature.by;
    }
  };
  const read = new Set([...source.key, ...features.flatMap(ofFeature)]);
  read.delete(source.time);
  if (label.column !== undefined) read.delete(label.column);
  return read;
}
