import type { Severity } from '@perennial/spec';
import { type AnomalyType, cellAnomaly, type Expected } from '../anomalies/types.js';
import { type LearnedRule, severityOfViolation, type Violation } from '../rules/judge-row.js';
import type { RowVerdict } from '../rules/judge-segment.js';
import { learnedColumn } from '../schema/in-force.js';
import type { Schema } from '../schema/learned.js';
import { unitRelation } from './units.js';

/** What is odd about rows of one producer: one rule, one column. Times are ms since the epoch. */
export interface HeldReason {
  readonly rule: string;
  readonly column: string;
  /** Name of the unit relation that explains it, empty where none does. */
  readonly relation: string;
  readonly suspectedCause: string;
  /** In plain words, with the numbers of the first row. */
  readonly evidence: string;
  readonly firstRowId: string;
  readonly firstEventTime: number;
  readonly rows: number;
  /** Empty where no repair is known. */
  readonly suggestedExpression: string;
  /** Absent in what was kept before there were severities: the rows are held. */
  readonly severity?: Severity;
  readonly type?: AnomalyType;
  /** Rows that should be there. */
  readonly gaps?: readonly Gap[];
}

export interface Gap {
  readonly from: number;
  readonly to: number;
  readonly rows: number;
}

/** One reason for each rule, column and cause among the held rows, which are in event-time order. */
export function reasonsOf(held: readonly RowVerdict[], schema: Schema): HeldReason[] {
  const reasons = new Map<string, HeldReason>();
  for (const { row, violations } of held) {
    for (const violation of violations) {
      const key = [violation.rule, violation.column, violation.relation].join('\n');
      const known = reasons.get(key);
      if (known) reasons.set(key, { ...known, rows: known.rows + 1 });
      else {
        const first = { firstRowId: row.rowId, firstEventTime: row.eventTime, rows: 1 };
        reasons.set(key, { ...explain(violation, schema), ...first });
      }
    }
  }
  return [...reasons.values()];
}

type Explanation = Omit<HeldReason, 'firstRowId' | 'firstEventTime' | 'rows'>;

/** What one violation means, in plain words. */
export function explain(violation: Violation, schema: Schema): Explanation {
  const { rule, column } = violation;
  const relation = violation.relation ? unitRelation(violation.relation) : undefined;
  const suggestedExpression = relation?.expression(column) ?? '';
  const unitCause = relation && `unit change suspected: ${relation.cause}`;
  const { declared } = violation;
  const suspectedCause = unitCause ?? (declared ? 'a declared rule is broken' : causes[rule as LearnedRule]);
  return {
    rule,
    column,
    relation: relation?.name ?? '',
    suspectedCause,
    suggestedExpression,
    evidence: declared
      ? `${column} is ${shown(violation.value)}; expected is ${declared.expects}`
      : evidenceOf(violation, schema),
    severity: severityOfViolation(violation),
    type:
      declared?.type ?? cellAnomaly(rule, violation.value, declared?.expected ?? expectedBy(schema, column)),
  };
}

function expectedBy(schema: Schema, column: string): Expected | undefined {
  const expectation = schema.columns[column];
  return expectation && learnedColumn(expectation);
}

const causes: Record<LearnedRule, string> = {
  type: 'the producer sends another type than before',
  presence: 'the producer leaves out a column that was always there',
  domain: 'a value that was never seen in this closed set',
  range: 'a value far outside everything verified so far',
  'unit-change': 'unit change suspected',
  'event-time': 'the clock of the producer is wrong',
};

function evidenceOf(violation: Violation, schema: Schema): string {
  const { rule, column, value } = violation;
  const expectation = schema.columns[column];
  switch (rule) {
    case 'type':
      return `${column} is ${shown(value)}; verified rows have a finite ${expectation?.type ?? 'value'} there`;
    case 'presence':
      return `${column} is missing; no verified row was without it`;
    case 'domain':
      return `${column} is ${shown(value)}; verified rows have one of ${expectation?.categories?.values.join(', ')}`;
    case 'event-time':
      return value === null
        ? 'the event time is missing'
        : `the event time ${value} is more than a day ahead of the platform's clock`;
    case 'range':
      return rangeEvidence(column, value, expectation?.range);
    case 'unit-change':
      return unitEvidence(violation, expectation?.range);
    default:
      return `${column} is ${shown(value)}`;
  }
}

type Range = { min: number; max: number; low: number; high: number } | undefined;

function rangeEvidence(column: string, value: unknown, range: Range): string {
  if (!range) return `${column} is ${shown(value)}`;
  const { min, max, low, high } = range;
  return `${column} is ${shown(value)}; verified rows lie in ${short(min)} to ${short(max)}, allowed is ${short(low)} to ${short(high)}`;
}

function unitEvidence({ column, value, suspect }: Violation, range: Range): string {
  if (!suspect) return `${column} is ${shown(value)}`;
  const { relation, level } = suspect;
  const converted = relation.scale * Number(value) + relation.offset;
  const verified = range ? `, all verified ones in ${short(range.min)} to ${short(range.max)}` : '';
  return (
    `${column} is ${shown(value)}, converted ${short(converted)}; ` +
    `the last ${level.count} verified rows have median ${short(level.center)} and spread ${short(level.spread)}${verified}`
  );
}

function shown(value: unknown): string {
  return typeof value === 'number' ? short(value) : (JSON.stringify(value) ?? 'missing').slice(0, 100);
}

function short(value: number): string {
  return String(Number(value.toPrecision(6)));
}
