import { quoteIdentifier, quoteText } from '@perennial/tables';
import type { ColumnRule, UnitSuspect } from '../decide/column-rules.js';
import { futureMsMax, type RuleName } from '../decide/judge-row.js';
import type { ColumnType } from '../decide/value.js';

/** One reason to hold a row, as a condition over a segment's table. */
export interface SetRule {
  readonly rule: RuleName;
  readonly column: string;
  readonly suspect?: UnitSuspect;
  /** Never null: true where the row is to be held for this reason. */
  readonly condition: string;
}

/**
 * The same rules as `judgeRow`, as SQL conditions for a large segment: judged with what was known before the segment,
 * in one pass. `physical` gives the type of each of the segment's columns.
 */
export function setRules(
  rules: readonly ColumnRule[],
  physical: ReadonlyMap<string, ColumnType>,
  { timeColumn, now }: { timeColumn: string; now: number },
): SetRule[] {
  const future = new Date(now + futureMsMax).toISOString();
  const eventTime: SetRule = {
    rule: 'event-time',
    column: timeColumn,
    condition: `coalesce(_p_event_time > ${quoteText(future)}::timestamptz::timestamp, true)`,
  };
  return [eventTime, ...rules.flatMap((rule) => columnConditions(rule, physical.get(rule.column)))];
}

function columnConditions(
  { column, expectation, suspects }: ColumnRule,
  physical: ColumnType | undefined,
): SetRule[] {
  const cell = quoteIdentifier(column);
  const presence: SetRule[] = expectation.required
    ? [{ rule: 'presence', column, condition: physical ? `${cell} is null` : 'true' }]
    : [];
  if (!physical) return presence;
  if (physical !== expectation.type) {
    return [...presence, { rule: 'type', column, condition: `${cell} is not null` }];
  }
  if (expectation.type === 'number')
    return [...presence, ...numberConditions({ column, expectation, suspects })];
  const { categories } = expectation;
  if (!categories?.closed) return presence;
  const known = categories.values.map(quoteText).join(', ');
  return [...presence, { rule: 'domain', column, condition: `coalesce(${cell} not in (${known}), false)` }];
}

function numberConditions({ column, expectation, suspects }: ColumnRule): SetRule[] {
  const cell = `${quoteIdentifier(column)}::double`;
  const finite = `coalesce(isfinite(${cell}), true)`;
  const units = suspects.map((suspect) => ({
    rule: 'unit-change' as const,
    column,
    suspect,
    condition: `coalesce(${finite} and ${unitCondition(cell, suspect)}, false)`,
  }));
  const { range } = expectation;
  const explained = units.length ? ` and not (${units.map(({ condition }) => condition).join(' or ')})` : '';
  const outside = range && `(${cell} < ${number(range.low)} or ${cell} > ${number(range.high)})`;
  return [
    { rule: 'type', column, condition: `not ${finite}` },
    ...units,
    ...(outside
      ? [
          {
            rule: 'range' as const,
            column,
            condition: `coalesce(${finite} and ${outside}${explained}, false)`,
          },
        ]
      : []),
  ];
}

function unitCondition(cell: string, suspect: UnitSuspect): string {
  const converted = `(${cell} * ${number(suspect.relation.scale)} + ${number(suspect.relation.offset)})`;
  const center = number(suspect.level.center);
  const raw = Number.isFinite(suspect.rawLow)
    ? ` and (${cell} < ${number(suspect.rawLow)} or ${cell} > ${number(suspect.rawHigh)})`
    : '';
  return (
    `(${converted} between ${number(suspect.low)} and ${number(suspect.high)}` +
    ` and abs(${converted} - ${center}) < ${number(suspect.ratio)} * abs(${cell} - ${center})` +
    ` and abs(${cell} - ${center}) > ${number(suspect.distance)}${raw})`
  );
}

function number(value: number): string {
  return `(${value})::double`;
}
