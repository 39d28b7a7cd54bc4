import { quoteIdentifier, quoteText } from '@perennial/tables';
import type { ColumnExpectation, Schema } from '../schema/learned.js';
import type { ColumnType } from '../schema/value.js';
import type { UnitSuspect } from './column-rules.js';
import type { DeclaredRule } from './declared.js';
import { futureMsMax } from './judge-row.js';

/** One reason to hold a row, as a condition over a segment's table. */
export interface SetRule {
  readonly rule: string;
  readonly column: string;
  readonly suspect?: UnitSuspect;
  readonly declared?: DeclaredRule;
  /** Never null: true where the row is to be held for this reason. */
  readonly condition: string;
}

/**
 * The rules of `judgeRow` as SQL conditions for a large segment, judged with what was known before it. `physical` gives
 * the type of each of the segment's columns, `shifted` the columns that are held as a whole.
 */
export function setRules(
  schema: Schema,
  {
    physical,
    shifted,
    timeColumn,
    now,
  }: {
    physical: ReadonlyMap<string, ColumnType>;
    shifted: ReadonlyMap<string, UnitSuspect>;
    timeColumn: string;
    now: number;
  },
): SetRule[] {
  const future = new Date(now + futureMsMax).toISOString();
  const eventTime: SetRule = {
    rule: 'event-time',
    column: timeColumn,
    condition: `coalesce(_p_event_time > ${quoteText(future)}::timestamp, true)`,
  };
  const columns = Object.entries(schema.columns).flatMap(([column, expectation]) =>
    columnConditions(column, expectation, physical.get(column), shifted.get(column)),
  );
  return [eventTime, ...columns];
}

function columnConditions(
  column: string,
  expectation: ColumnExpectation,
  physical: ColumnType | undefined,
  suspect: UnitSuspect | undefined,
): SetRule[] {
  const cell = quoteIdentifier(column);
  const presence: SetRule[] = expectation.required
    ? [{ rule: 'presence', column, condition: physical ? `${cell} is null` : 'true' }]
    : [];
  if (!physical) return presence;
  if (physical !== expectation.type) {
    return [...presence, { rule: 'type', column, condition: `${cell} is not null` }];
  }
  if (expectation.type === 'number') return [...presence, ...numberConditions(column, expectation, suspect)];
  const { categories } = expectation;
  if (!categories?.closed) return presence;
  const known = categories.values.map(quoteText).join(', ');
  return [...presence, { rule: 'domain', column, condition: `coalesce(${cell} not in (${known}), false)` }];
}

function numberConditions(
  column: string,
  { range }: ColumnExpectation,
  suspect: UnitSuspect | undefined,
): SetRule[] {
  const cell = quoteIdentifier(column);
  const finite = `coalesce(isfinite(${cell}), false)`;
  const type: SetRule = { rule: 'type', column, condition: `(${cell} is not null and not ${finite})` };
  if (suspect) return [type, { rule: 'unit-change', column, suspect, condition: finite }];
  if (!range) return [type];
  // A cell that repeats the event time only grows.
  const outside = `(${cell} < ${number(range.low)} or ${cell} > ${number(range.high)}) and ${cell} <> epoch_ms(_p_event_time)`;
  return [type, { rule: 'range', column, condition: `(${finite} and coalesce(${outside}, false))` }];
}

function number(value: number): string {
  return `(${value})::double`;
}
