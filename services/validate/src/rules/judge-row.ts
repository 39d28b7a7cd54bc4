import { limits } from '@perennial/kernel';
import type { Severity } from '@perennial/spec';
import type { AnomalyType, Expected } from '../anomalies/types.js';
import { scaledUnits } from '../causes/units.js';
import { isEventTime, type JudgedRow, typeOfValue, type Value } from '../schema/value.js';
import { type ColumnRule, explainedBy, type UnitSuspect } from './column-rules.js';

/** Rules that follow from verified rows. */
export type LearnedRule = 'type' | 'presence' | 'domain' | 'range' | 'unit-change' | 'event-time';

/** Why one row is held: the rule, the column, the value, and what explains it. */
export interface Violation {
  /** A learned rule, or the name of a declared one. */
  readonly rule: string;
  readonly column: string;
  readonly value: Value;
  /** The unit change that explains the value. */
  readonly suspect?: UnitSuspect;
  /** Name of the unit relation, where one explains it. */
  readonly relation?: string;
  /** Of a rule that somebody wrote. Of the others the row is held. */
  readonly declared?: {
    readonly severity: Severity;
    /** In plain words. */
    readonly expects: string;
    /** Of a rule of one column. */
    readonly expected?: Expected;
    /** Where the rule says more than the cell. */
    readonly type?: AnomalyType;
  };
}

export function severityOfViolation({ declared }: Violation): Severity {
  return declared?.severity ?? 'quarantine';
}

/** How far ahead of now an event time may lie, in ms. */
export const futureMsMax = limits.eventTimeAheadMsMax;

/** Every reason to hold this row; none means that it is good. `now` is process time in ms. */
export function judgeRow(
  row: JudgedRow,
  rules: readonly ColumnRule[],
  timeColumn: string,
  now: number,
): Violation[] {
  const violations: Violation[] = [];
  if (!Number.isFinite(row.eventTime) || row.eventTime > now + futureMsMax) {
    violations.push({ rule: 'event-time', column: timeColumn, value: instantText(row.eventTime) });
  }
  for (const rule of rules) {
    const value = row.values[rule.column];
    const violation = isEventTime(value, row) ? undefined : judgeCell(value, rule);
    if (violation) violations.push(violation);
  }
  return violations;
}

/** ISO text of ms since the epoch, UTC, without a fraction of nothing; null of what is no time. */
export function instantText(ms: number): string | null {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? null : time.toISOString().replace('.000Z', 'Z');
}

function judgeCell(value: Value, rule: ColumnRule): Violation | undefined {
  const { column, expectation } = rule;
  const type = typeOfValue(value);
  if (type === undefined) return expectation.required ? { rule: 'presence', column, value } : undefined;
  if (type !== expectation.type) return { rule: 'type', column, value };
  if (typeof value === 'number') return judgeNumber(value, rule);
  const { categories } = expectation;
  if (categories?.closed && !categories.values.includes(String(value)))
    return { rule: 'domain', column, value };
  return undefined;
}

function judgeNumber(value: number, { column, expectation, suspects }: ColumnRule): Violation | undefined {
  if (!Number.isFinite(value)) return { rule: 'type', column, value };
  const suspect = explainedBy(value, suspects);
  if (suspect) return { rule: 'unit-change', column, value, suspect, relation: suspect.relation.name };
  const { range } = expectation;
  if (!range || (value >= range.low && value <= range.high)) return undefined;
  const factor = scaledUnits.find(({ scale }) => value * scale >= range.min && value * scale <= range.max);
  return { rule: 'range', column, value, ...(factor && { relation: factor.name }) };
}
