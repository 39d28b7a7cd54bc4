import type { SchemaDocument } from '@perennial/spec';
import { type HeldReason, reasonsOf } from '../causes/findings.js';
import { formsOfRows } from '../profile/profile.js';
import { profileRows } from '../profile/profile-rows.js';
import type { SetProfile } from '../profile/set-profile.js';
import { isAsked } from '../rules/declared.js';
import { judgeSegment, type Knowledge, noKnowledge } from '../rules/judge-segment.js';
import { rulingOf, severityOfSet } from '../rules/ruling.js';
import { normaliseRows } from '../schema/normalise.js';
import type { JudgedRow, Value } from '../schema/value.js';
import { readingWith } from '../verify-reading.js';
import { compareSets } from './compare.js';
import { reasonOfSet, type SetFinding } from './finding.js';
import { judgeSet } from './judge-set.js';

/** What rows are checked by. */
export interface CheckContext {
  readonly known: Pick<Knowledge, 'profile' | 'schema' | 'accepted'>;
  /** All verified rows, which serving ones are compared with. */
  readonly training: SetProfile | undefined;
  readonly environment: 'training' | 'serving';
  readonly now: number;
}

/** Judges rows as verification would, in the order they are given, without learning from them or keeping them. */
export function checkRows(
  cells: readonly Readonly<Record<string, Value>>[],
  { known, training, environment, now }: CheckContext,
): { held: number; reasons: HeldReason[] } {
  const raw = cells.map((values, i): JudgedRow => ({ rowId: String(i), eventTime: i, values }));
  // A row that is checked has no producer: the newest standing there is, and no level to compare with.
  const before = inEnvironment({ ...noKnowledge, ...known }, environment);
  const reading = readingWith(before, formsOfRows(raw));
  const rows = normaliseRows(reading.columns, raw);
  const ruling = rulingOf(before);
  const { held, good, warned, after } = judgeSegment(rows, reading.known, {
    ...{ timeColumn: '_p_event_time', now, written: ruling },
  });
  const set = profileRows(good);
  const findings: SetFinding[] =
    good.length === 0
      ? []
      : [
          ...judgeSet({
            ...{ set, document: ruling.document, accepted: ruling.accepted, profile: known.profile },
            previous: undefined,
          }),
          ...(environment === 'serving'
            ? compareSets('skew', ruling.document, { set, control: training })
            : []),
        ];
  const first = { firstRowId: good[0]?.rowId ?? '', firstEventTime: 0 };
  const ofSet = findings.map((finding) =>
    reasonOfSet({ ...finding, severity: severityOfSet(finding, ruling.document) }, first),
  );
  const isWhole = ofSet.some(({ severity }) => severity === 'hold');
  return {
    held: isWhole ? rows.length : held.length,
    reasons: [...reasonsOf(held, after.schema), ...reasonsOf(warned, after.schema), ...ofSet],
  };
}

/** What is asked in the other environment only is not asked here. */
function inEnvironment(known: Knowledge, environment: 'training' | 'serving'): Knowledge {
  if (environment === 'training' || !known.accepted) return known;
  const others = Object.entries(known.accepted.columns)
    .filter(([, column]) => !isAsked(column, environment))
    .map(([name]) => name);
  const without = <T>(columns: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(columns).filter(([name]) => !others.includes(name)));
  const accepted: SchemaDocument = { ...known.accepted, columns: without(known.accepted.columns) };
  return { ...known, accepted, schema: { columns: without(known.schema.columns) } };
}
