import { type ColumnSchema, type SchemaDocument, severityOf } from '@perennial/spec';
import { presentOf, type SetProfile } from '../profile/set-profile.js';
import { isAsked } from '../rules/declared.js';
import { absoluteDifference, type Distance, jensenShannon, lInfinity } from './distances.js';
import { type SetFinding, short } from './finding.js';
import type { AnomalyType } from './types.js';

/** Distances between fewer rows say more about chance than about the world. */
export const comparedRowsMin = 30;

/** Drift against the segment before, or skew of what is served against what was trained on, by the declared thresholds. */
export function compareSets(
  rule: 'drift' | 'skew',
  document: Pick<SchemaDocument, 'columns'>,
  { set, control }: { set: SetProfile; control: SetProfile | undefined },
): SetFinding[] {
  return Object.entries(document.columns).flatMap(([name, expected]) => {
    const thresholds = expected[rule];
    if (!thresholds || !isAsked(expected, rule === 'skew' ? 'serving' : 'training')) return [];
    if (set.rows < comparedRowsMin) return [];
    return compareColumn(rule, name, { expected, thresholds, set, control });
  });
}

function compareColumn(
  rule: 'drift' | 'skew',
  name: string,
  {
    expected,
    thresholds,
    set,
    control,
  }: {
    expected: ColumnSchema;
    thresholds: NonNullable<ColumnSchema['drift']>;
    set: SetProfile;
    control: SetProfile | undefined;
  },
): SetFinding[] {
  const find = (type: AnomalyType, evidence: string): SetFinding => ({
    ...{ rule, type, column: name, evidence, rows: set.rows },
    severity: severityOf(expected, rule),
    suspectedCause: rule === 'drift' ? 'the column changed since the segment before' : trainingServingSkew,
  });
  const [now, before] = [set.columns.get(name), control?.columns.get(name)];
  const other = rule === 'drift' ? 'the segment before' : 'training';
  if (!before || presentOf(before) === 0) {
    // The first segment of all has nothing before it.
    if (!control || control.rows < comparedRowsMin) return [];
    return [find('COMPARATOR_CONTROL_DATA_MISSING', `${name} has no values in ${other}`)];
  }
  if (!now || presentOf(now) === 0) {
    return [find('COMPARATOR_TREATMENT_DATA_MISSING', `${name} has no values now, and had some in ${other}`)];
  }
  const findings: SetFinding[] = [];
  const ask = (
    type: AnomalyType,
    distance: Distance | undefined,
    { threshold, what }: { threshold: number | undefined; what: string },
  ) => {
    if (threshold === undefined || !distance || distance.distance <= threshold) return;
    const where = distance.where ? `, most at ${distance.where}` : '';
    const evidence = `${what} of ${name} to ${other} is ${short(distance.distance)}${where}; at most ${threshold} is expected`;
    findings.push(find(type, evidence));
  };
  ask('COMPARATOR_L_INFTY_HIGH', lInfinity(now, before), {
    threshold: thresholds.lInfinity,
    what: 'the largest difference of a share',
  });
  ask('COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH', jensenShannon(now, before), {
    threshold: thresholds.jensenShannon,
    what: 'the Jensen-Shannon divergence',
  });
  const counts = { distance: absoluteDifference(presentOf(now), presentOf(before)), where: '' };
  ask('COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH', counts, {
    threshold: thresholds.absolute,
    what: 'the difference of the number of values',
  });
  return rule === 'skew' && findings.length > 0
    ? [...findings, find('SCHEMA_TRAINING_SERVING_SKEW', findings.map(({ evidence }) => evidence).join('; '))]
    : findings;
}

const trainingServingSkew = 'what is served is not what was trained on';
