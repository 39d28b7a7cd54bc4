import type { ColumnSchema, SchemaDocument } from '@perennial/spec';
import type { ColumnExpectation, Schema } from './learned.js';

/**
 * The schema in force: what verified rows imply, and what somebody accepted. A column that carries `by` was written by
 * somebody and stands as it is. Of the others what was accepted stays, but for ranges, presence and known values, which
 * go on being learned; rules and what is expected of the set are only ever written.
 */
export function schemaInForce(
  { source, kind }: { source: string; kind: 'rows' | 'labels' },
  learned: Schema,
  accepted: SchemaDocument | undefined,
): SchemaDocument {
  return {
    source,
    of: kind,
    columns: columnsInForce(learned, accepted),
    rules: accepted?.rules ?? [],
    dataset: accepted?.dataset ?? {},
    ...(accepted?.notes && { notes: accepted.notes }),
  };
}

/** The columns of the schema in force. */
export function columnsInForce(
  learned: Schema,
  accepted: SchemaDocument | undefined,
): SchemaDocument['columns'] {
  const names = new Set([...Object.keys(accepted?.columns ?? {}), ...Object.keys(learned.columns)]);
  const columns = [...names].map((name): [string, ColumnSchema] => {
    const [written, seen] = [accepted?.columns[name], learned.columns[name]];
    const implied = seen && learnedColumn(seen);
    if (!written) return [name, implied as ColumnSchema];
    return [name, written.by || !implied ? written : together(written, implied)];
  });
  return Object.fromEntries(columns);
}

function together(accepted: ColumnSchema, learned: ColumnSchema): ColumnSchema {
  const { presence, range, domain } = learned;
  return {
    ...accepted,
    ...(presence && { presence }),
    ...(range && { range }),
    // A closed domain that was accepted does not open by itself.
    ...(domain && !accepted.domain?.closed && { domain: { ...accepted.domain, ...domain } }),
  };
}

/** What verified rows imply of one column, as a schema document says it. */
export function learnedColumn({
  type,
  required,
  range,
  categories,
  reading,
}: ColumnExpectation): ColumnSchema {
  return {
    ...(reading ?? { type }),
    ...(required && { presence: { minFraction: 1 } }),
    ...(range && { range }),
    ...(categories && { domain: { values: [...categories.values], closed: categories.closed } }),
  };
}
