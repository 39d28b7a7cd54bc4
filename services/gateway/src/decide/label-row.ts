import type { JsonObject } from '@bufbuild/protobuf';
import { canonicalJson, formatEventTime, invalid, uuidv5 } from '@perennial/kernel';
import type { ToldLabel } from './label-body.js';

/** Where labels of a system belong, and what they are called there. */
export interface LabelledSystem {
  readonly name: string;
  readonly source: { readonly name: string; readonly time: string; readonly key: readonly string[] };
  readonly column: string;
}

/** A row of labels as ingest takes it. */
export interface LabelRow {
  readonly source: string;
  readonly rowId: string;
  readonly row: JsonObject;
}

/**
 * Reads it from the canonical JSON of a system.
 *
 * @throws PlatformError LABEL_COMPUTED where the rows themselves hold it, LABEL_UNPLACED where a model belongs to no system
 */
export function labelledSystem(name: string, specJson: string): LabelledSystem {
  if (specJson === '') {
    throw invalid(
      'LABEL_UNPLACED',
      `"${name}" belongs to no system, so that nothing says where its labels belong; describe it in a system.yaml`,
      { field: 'system' },
    );
  }
  const { source, label } = JSON.parse(specJson) as {
    source: { name: string; time: string; key: string[] };
    label: { name: string; column?: string; expr?: string };
  };
  if (label.expr !== undefined) {
    throw invalid(
      'LABEL_COMPUTED',
      `the label of "${name}" is computed from its rows (${label.expr}); send the rows to /v1/sources/${source.name}/rows`,
      { field: 'system' },
    );
  }
  return { name, source, column: label.column ?? label.name };
}

/**
 * The row of a label. Its id is made of all that it says, so that saying it again changes nothing and saying something
 * else about the same row is a correction; an id of the sender's takes the place of what it says.
 *
 * @throws PlatformError LABELS_INVALID
 */
export function labelRow(
  system: LabelledSystem,
  place: { readonly eventTimeMs: number; readonly key: JsonObject },
  told: ToldLabel,
  field: string,
): LabelRow {
  const { source, column } = system;
  const absent = source.key.find((name) => place.key[name] === undefined);
  const strange = Object.keys(place.key).find((name) => !source.key.includes(name));
  if (absent !== undefined || strange !== undefined) {
    const names = source.key.length === 0 ? 'none' : source.key.join(', ');
    throw invalid(
      'LABELS_INVALID',
      `${field}key must hold the key columns of the source "${source.name}" and no others: ${names}`,
      { field: `${field}key` },
    );
  }
  const said = told.value === undefined ? told.values : { [column]: told.value };
  const reserved = Object.keys(said).find((name) => name === source.time || source.key.includes(name));
  if (reserved !== undefined) {
    throw invalid(
      'LABELS_INVALID',
      `${field}values.${reserved} says where the label belongs, not what it is; leave it out`,
      { field: `${field}values.${reserved}` },
    );
  }
  const at = { [source.time]: formatEventTime(place.eventTimeMs), ...place.key };
  const row = { ...at, ...said };
  const rowId = uuidv5('label', source.name, canonicalJson(at), told.id ?? canonicalJson(said));
  return { source: source.name, rowId, row };
}
