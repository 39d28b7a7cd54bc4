import type { SchemaDocument } from '@perennial/spec';
import type { JudgedRow } from '../schema/value.js';
import { type DeclaredRule, readRow } from './declared.js';
import type { Violation } from './judge-row.js';

/** The rules that somebody wrote, for one segment. */
export interface Written {
  /** The schema in force, by which cells are read. */
  readonly document: SchemaDocument;
  readonly rules: readonly DeclaredRule[];
  /** Ids of rows that break rules which only SQL can ask, by rule. */
  readonly broken: ReadonlyMap<string, ReadonlySet<string>>;
  /** Columns of which somebody wrote all that is expected. */
  readonly columns: ReadonlySet<string>;
}

/** Whether a rule that follows from verified rows is asked of a column: not where somebody wrote another. */
export function isLearnedAsked({ rules, columns }: Written, rule: string, column: string): boolean {
  if (rule === 'unit-change' || rule === 'event-time') return true;
  return !columns.has(column) && !rules.some((one) => one.rule === rule && one.column === column);
}

/** What somebody's rules say of one row. */
export function judgeWritten(row: JudgedRow, { document, rules, broken }: Written): Violation[] {
  if (rules.length === 0) return [];
  const read = readRow(row, document);
  return rules
    .filter((rule) => (rule.isReference ? broken.get(rule.rule)?.has(row.rowId) : rule.breaks(read)))
    .map((rule) => violationOf(rule, row.values[rule.column]));
}

export function violationOf(
  { rule, column, severity, expects, expected, type }: DeclaredRule,
  value: Violation['value'],
): Violation {
  const declared = { severity, expects, ...(expected && { expected }), ...(type && { type }) };
  return { rule, column, value, declared };
}
