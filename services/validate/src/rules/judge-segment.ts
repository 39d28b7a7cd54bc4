import type { SchemaDocument } from '@perennial/spec';
import type { WatchState } from '../anomalies/watch.js';
import { emptyProfile, type Profile, profileAdd } from '../profile/profile.js';
import type { SetProfile } from '../profile/set-profile.js';
import { inferSchema, type Schema } from '../schema/learned.js';
import type { JudgedRow } from '../schema/value.js';
import { type ColumnRule, columnRules } from './column-rules.js';
import type { ReadTable } from './declared.js';
import { judgeRow, severityOfViolation, type Violation } from './judge-row.js';
import { recentLevel, recentRows } from './recent.js';
import { newcomer, passed, type Standing, suspected } from './standing.js';
import { isLearnedAsked, judgeWritten, type Written } from './written.js';

/** What is known when a segment comes. */
export interface Knowledge {
  readonly profile: Profile;
  readonly schema: Schema;
  readonly standing: Standing;
  /** What somebody accepted as the schema, if anybody did. */
  readonly accepted?: SchemaDocument | undefined;
  /** Where the source stands, and the segment before; absent where nothing is known or nobody asks. */
  readonly watch?: WatchState | undefined;
  readonly previous?: SetProfile | undefined;
  /** SQL of rows elsewhere that rules refer to. */
  readonly keysOf?: ReadTable['keysOf'];
  /** Verified rows before these in event time, oldest first; at most `recentRows` are looked at. */
  readonly recent: readonly JudgedRow[];
}

export const noKnowledge: Knowledge = {
  profile: emptyProfile,
  schema: { columns: {} },
  standing: newcomer,
  recent: [],
};

export interface RowVerdict {
  readonly row: JudgedRow;
  readonly violations: readonly Violation[];
}

export interface Verdict {
  readonly good: readonly JudgedRow[];
  /** Where a rule holds the whole segment, all of its rows; those without a violation are held for the others. */
  readonly held: readonly RowVerdict[];
  /** Rows that passed although they broke a rule, which is only told. */
  readonly warned: readonly RowVerdict[];
  readonly after: Knowledge;
}

export interface JudgeContext {
  readonly timeColumn: string;
  /** Process time in ms. */
  readonly now: number;
  /** The rules that somebody wrote. */
  readonly written?: Written;
  /** Somebody let the rows through: only cells that cannot be read are asked about. */
  readonly isReleased?: boolean;
}

/**
 * Judges a segment row by row in event-time order, learning from every row that passes, so that a hundred rows in one
 * segment end as a hundred segments of one row would.
 */
export function judgeSegment(rows: readonly JudgedRow[], before: Knowledge, context: JudgeContext): Verdict {
  const ordered = [...rows].sort((a, b) => a.eventTime - b.eventTime);
  let knowledge = before;
  const good: JudgedRow[] = [];
  const held: RowVerdict[] = [];
  const warned: RowVerdict[] = [];
  for (const row of ordered) {
    const rules = columnRules(knowledge.schema, knowledge.profile, levelsOf(knowledge), knowledge.standing);
    const all = violationsOf(row, rules, context);
    const violations = all.filter((one) => severityOfViolation(one) !== 'warn');
    const told = all.filter((one) => severityOfViolation(one) === 'warn');
    if (told.length) warned.push({ row, violations: told });
    if (violations.length) {
      held.push({ row, violations });
      knowledge = { ...knowledge, standing: afterHeld(knowledge.standing, violations) };
    } else {
      good.push(row);
      knowledge = afterGood(knowledge, row);
    }
  }
  const isHeldWhole = held.some(({ violations }) =>
    violations.some((one) => severityOfViolation(one) === 'hold'),
  );
  if (!isHeldWhole) return { good, held, warned, after: knowledge };
  const verdicts = new Map(held.map((verdict) => [verdict.row, verdict]));
  return {
    good: [],
    held: ordered.map((row) => verdicts.get(row) ?? { row, violations: [] }),
    warned,
    after: { ...before, standing: { ...before.standing, suspicions: knowledge.standing.suspicions } },
  };
}

function violationsOf(
  row: JudgedRow,
  rules: readonly ColumnRule[],
  { timeColumn, now, written, isReleased }: JudgeContext,
): Violation[] {
  const learned = judgeRow(row, rules, timeColumn, now);
  if (!written) return learned;
  const all = [
    ...learned.filter(({ rule, column }) => isLearnedAsked(written, rule, column)),
    ...judgeWritten(row, written),
  ];
  return isReleased ? all.filter(({ rule }) => rule === 'type') : all;
}

/** Where each column with a range stands now. */
export function levelsOf({ schema, recent }: Knowledge): Record<string, ReturnType<typeof recentLevel>> {
  const last = recent.slice(-recentRows);
  return Object.fromEntries(
    Object.entries(schema.columns)
      .filter(([, expectation]) => expectation.range)
      .map(([name]) => [
        name,
        recentLevel(last.map((row) => row.values[name]).filter((value) => typeof value === 'number')),
      ]),
  );
}

function afterHeld(standing: Standing, violations: readonly Violation[]): Standing {
  return violations
    .filter(({ rule }) => rule === 'unit-change')
    .reduce((after, { column, relation }) => suspected(after, column, relation ?? ''), standing);
}

function afterGood(knowledge: Knowledge, row: JudgedRow): Knowledge {
  const profile = profileAdd(knowledge.profile, [row]);
  return {
    profile,
    schema: inferSchema(profile, knowledge.schema, knowledge.accepted),
    standing: passed(knowledge.standing, 1),
    recent: [...knowledge.recent.slice(-(recentRows - 1)), row],
  };
}
