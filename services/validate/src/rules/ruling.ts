import { type SchemaDocument, type Severity, severityOf } from '@perennial/spec';
import type { SetFinding } from '../anomalies/finding.js';
import { columnsInForce } from '../schema/in-force.js';
import { writtenRules } from './declared.js';
import type { Knowledge } from './judge-segment.js';
import type { Written } from './written.js';

/** What one segment is judged by, beside what verified rows imply. */
export interface Ruling extends Written {
  /** Names of the columns that somebody accepted. */
  readonly accepted: ReadonlySet<string>;
}

/** The schema in force as rules. Rows elsewhere are asked for by SQL alone, so that here they are all there. */
export function rulingOf({ schema, accepted }: Knowledge): Ruling {
  const document: SchemaDocument = {
    source: accepted?.source ?? '',
    of: accepted?.of ?? 'rows',
    columns: columnsInForce(schema, accepted),
    rules: accepted?.rules ?? [],
    dataset: accepted?.dataset ?? {},
  };
  const columns = Object.entries(accepted?.columns ?? {});
  return {
    document,
    rules: writtenRules(document, accepted, () => true),
    broken: new Map(),
    columns: new Set(columns.filter(([, column]) => column.by !== undefined).map(([name]) => name)),
    accepted: new Set(columns.map(([name]) => name)),
  };
}

/** What a finding of no rule that a schema names does: told, unless somebody said otherwise of the column. */
export function severityOfSet({ rule, column, severity }: SetFinding, document: SchemaDocument): Severity {
  const expected = document.columns[column];
  if (!expected || !(rule === 'stuck' || rule === 'flood' || rule === 'swapped')) return severity;
  return severityOf(expected, rule);
}
