import type { SchemaDocument } from '@perennial/spec';
import { emptyProfile, type Profile, profileAdd } from '../profile/profile.js';
import { inferSchema, type Schema } from '../schema/learned.js';
import type { JudgedRow } from '../schema/value.js';
import { columnRules } from './column-rules.js';
import { judgeRow, type Violation } from './judge-row.js';
import { recentLevel, recentRows } from './recent.js';
import { newcomer, passed, type Standing, suspected } from './standing.js';

/** What is known when a segment comes. */
export interface Knowledge {
  readonly profile: Profile;
  readonly schema: Schema;
  readonly standing: Standing;
  /** What somebody accepted as the schema, if anybody did. */
  readonly accepted?: SchemaDocument | undefined;
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
  readonly held: readonly RowVerdict[];
  readonly after: Knowledge;
}

/**
 * Judges a segment row by row in event-time order, learning from every row that passes, so that a hundred rows in one
 * segment end as a hundred segments of one row would.
 */
export function judgeSegment(
  rows: readonly JudgedRow[],
  before: Knowledge,
  context: { timeColumn: string; now: number },
): Verdict {
  const ordered = [...rows].sort((a, b) => a.eventTime - b.eventTime);
  let knowledge = before;
  const good: JudgedRow[] = [];
  const held: RowVerdict[] = [];
  for (const row of ordered) {
    const rules = columnRules(knowledge.schema, knowledge.profile, levelsOf(knowledge), knowledge.standing);
    const violations = judgeRow(row, rules, context.timeColumn, context.now);
    if (violations.length) {
      held.push({ row, violations });
      knowledge = { ...knowledge, standing: afterHeld(knowledge.standing, violations) };
    } else {
      good.push(row);
      knowledge = afterGood(knowledge, row);
    }
  }
  return { good, held, after: knowledge };
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
