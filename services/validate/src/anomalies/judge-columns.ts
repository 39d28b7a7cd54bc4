import { type ColumnSchema, severityOf } from '@perennial/spec';
import { type ColumnSketches, presentOf, type SetProfile } from '../profile/set-profile.js';
import { isAsked } from '../rules/declared.js';
import { listed, percent, type SetFinding } from './finding.js';
import type { AnomalyType } from './types.js';

/** Deviations of a count from a share of the rows that are chance. */
const sigmas = 4;
/** Texts of one shape before another meaning is said of them. */
const shapedMin = 30;

/** What only all rows of a segment together show of one column that somebody wrote about. */
export function judgeColumn(
  name: string,
  expected: ColumnSchema,
  { rows, columns }: Pick<SetProfile, 'rows' | 'columns'>,
  environment = 'training',
): SetFinding[] {
  if (!isAsked(expected, environment) || rows === 0) return [];
  const column = columns.get(name);
  const present = column ? presentOf(column) : 0;
  const find = (
    rule: Parameters<typeof severityOf>[1],
    type: AnomalyType,
    { evidence, cause, count = rows }: { evidence: string; cause: string; count?: number },
  ): SetFinding => ({
    ...{ rule, type, column: name, evidence, rows: count },
    severity: severityOf(expected, rule),
    suspectedCause: cause,
  });
  const presence = presenceFindings(expected, { rows, present, isThere: column !== undefined }, find);
  if (!column || present === 0) {
    const isUnseen = expected.distinct !== undefined && !isMissingByChance(expected, rows, rows);
    const evidence = `${name} has no values that could be different`;
    const unseen = isUnseen ? [find('distinct', 'FEATURE_TYPE_NO_UNIQUE', { evidence, cause: missing })] : [];
    return [...presence, ...unseen];
  }
  return [
    ...presence,
    ...distinctFindings(name, expected, { column, present }, find),
    ...domainFindings(name, expected, { column, present }, find),
    ...cappedFindings(name, expected, { column, present }, find),
    ...constantFindings(name, expected, column, find),
    ...shapeFindings(name, expected, column, find),
  ];
}

const missing = 'the producer leaves values out';

type Find = (
  rule: Parameters<typeof severityOf>[1],
  type: AnomalyType,
  what: { evidence: string; cause: string; count?: number },
) => SetFinding;

/** Whether so many of the rows are ordinary where this share of all rows is so. */
function isChance(count: number, rows: number, share: number): boolean {
  return count <= rows * share + sigmas * Math.sqrt(rows * share * (1 - share)) + 1;
}

/**
 * A share that somebody wrote is asked of every segment as it stands. One that verified rows implied is an estimate for
 * all of them, and few rows stray from it: one row has a value or none.
 */
function isMissingByChance({ by, presence }: ColumnSchema, count: number, rows: number): boolean {
  return !by && isChance(count, rows, 1 - (presence?.minFraction ?? 0));
}

function presenceFindings(
  expected: ColumnSchema,
  { rows, present, isThere }: { rows: number; present: number; isThere: boolean },
  find: Find,
): SetFinding[] {
  const { minFraction = 0, minCount = 0 } = expected.presence ?? {};
  if (minFraction === 0 && minCount === 0) return [];
  const count = rows - present;
  const isFew = minFraction < 1 && !isMissingByChance(expected, count, rows);
  if (minFraction < 1 && minCount === 0 && !isFew) return [];
  if (!isThere) {
    const evidence = 'no row has this column';
    return [find('presence', 'SCHEMA_MISSING_COLUMN', { evidence, cause: 'the column is gone' })];
  }
  if (present === 0) {
    const evidence = `none of ${rows} rows has a value`;
    return [find('presence', 'FEATURE_TYPE_NOT_PRESENT', { evidence, cause: missing })];
  }
  const findings: SetFinding[] = [];
  // A share of one is asked of each row.
  if (isFew && present < minFraction * rows) {
    const evidence = `${percent(present / rows)} of ${rows} rows have a value; at least ${percent(minFraction)} is expected`;
    findings.push(find('presence', 'FEATURE_TYPE_LOW_FRACTION_PRESENT', { evidence, cause: missing, count }));
  }
  if (present < minCount) {
    const evidence = `${present} of ${rows} rows have a value; at least ${minCount} are expected`;
    findings.push(find('presence', 'FEATURE_TYPE_LOW_NUMBER_PRESENT', { evidence, cause: missing, count }));
  }
  return findings;
}

interface OfColumn {
  readonly column: ColumnSketches;
  readonly present: number;
}

function distinctFindings(
  name: string,
  { distinct }: ColumnSchema,
  { column, present }: OfColumn,
  find: Find,
): SetFinding[] {
  if (!distinct) return [];
  const findings: SetFinding[] = [];
  const { count, isExact } = (column.numbers ?? column.texts)?.distinct() ?? {
    count: Number((column.booleans?.yes ?? 0) > 0) + Number((column.booleans?.no ?? 0) > 0),
    isExact: true,
  };
  const [top] = column.numbers?.top(1).values ?? column.texts?.top(1).values ?? [];
  // Many values are only estimated: within 2 %, and by one that was surely there twice.
  const isDouble = isExact ? count < present : count < 0.97 * present && (top?.count ?? 0) > 1;
  if (distinct.unique && isDouble) {
    const evidence = `${name} has ${count} different values in ${present} rows${top ? `; ${JSON.stringify(top.value)} occurs ${top.count} times` : ''}`;
    const cause = 'rows were sent twice, or the column is no key';
    findings.push(find('distinct', 'DUPLICATE_VALUES', { evidence, cause, count: present - count }));
  }
  if (distinct.min !== undefined && count < distinct.min) {
    const evidence = `${name} has ${count} different values; at least ${distinct.min} are expected`;
    findings.push(
      find('distinct', 'FEATURE_TYPE_LOW_UNIQUE', { evidence, cause: 'part of the world is left out' }),
    );
  }
  if (distinct.max !== undefined && count > distinct.max) {
    const evidence = `${name} has ${count} different values; at most ${distinct.max} are expected`;
    findings.push(
      find('distinct', 'FEATURE_TYPE_HIGH_UNIQUE', { evidence, cause: 'values of another kind' }),
    );
  }
  return findings;
}

function domainFindings(
  name: string,
  { domain, by }: ColumnSchema,
  { column, present }: OfColumn,
  find: Find,
): SetFinding[] {
  // A closed domain is asked of each row.
  if (!domain?.minMass || domain.closed) return [];
  const known = new Set<unknown>(domain.values);
  const counts = [
    ...(column.numbers?.exactCounts() ?? column.numbers?.top(100).values.map(asPair) ?? []),
    ...(column.texts?.exactCounts() ?? column.texts?.top(100).values.map(asPair) ?? []),
    ...(column.booleans
      ? ([
          [true, column.booleans.yes],
          [false, column.booleans.no],
        ] as [boolean, number][])
      : []),
  ].filter(([, count]) => count > 0);
  const within = counts.reduce((sum, [value, count]) => sum + (known.has(value) ? count : 0), 0);
  if (within >= domain.minMass * present) return [];
  if (!by && isChance(present - within, present, 1 - domain.minMass)) return [];
  const others = counts.filter(([value]) => !known.has(value)).map(([value]) => value);
  const evidence = `${percent(within / present)} of the values of ${name} are known, at least ${percent(domain.minMass)} is expected; new are ${listed(others)}`;
  const cause = 'values that were never seen';
  return [find('domain', 'ENUM_TYPE_UNEXPECTED_STRING_VALUES', { evidence, cause, count: present - within })];
}

function asPair<Value>({ value, count }: { value: Value; count: number }): [Value, number] {
  return [value, count];
}

function cappedFindings(
  name: string,
  { capped = [] }: ColumnSchema,
  { column, present }: OfColumn,
  find: Find,
): SetFinding[] {
  const { numbers } = column;
  if (!numbers) return [];
  return capped.flatMap(({ at, side, share = 0 }) => {
    const { low, high } = numbers.extremes();
    const count = [...low, ...high].find(([value]) => value === at)?.[1] ?? 0;
    if (isChance(count, present, share)) return [];
    const evidence = `${percent(count / present)} of ${name} are exactly ${at}, where ${percent(share)} were`;
    const cause = `more values are cut off at the ${side} end`;
    return [find('capped', 'CAPPED_VALUES', { evidence, cause, count })];
  });
}

function constantFindings(
  name: string,
  { constant }: ColumnSchema,
  { numbers, texts, booleans }: ColumnSketches,
  find: Find,
): SetFinding[] {
  if (constant === undefined) return [];
  const seen = [
    ...(numbers?.top(5).values.map(({ value }) => value) ?? []),
    ...(texts?.top(5).values.map(({ value }) => value) ?? []),
    ...(booleans ? [booleans.yes > 0, booleans.no > 0].flatMap((is, i) => (is ? [i === 0] : [])) : []),
  ];
  const others = seen.filter((value) => value !== constant);
  if (others.length === 0) return [];
  const evidence = `${name} was always ${JSON.stringify(constant)}, and is now ${listed(others)}, too`;
  return [find('constant', 'CONSTANT_WOKE_UP', { evidence, cause: 'a column that said nothing woke up' })];
}

/** Texts that turn out to be something else: all of one shape that the schema does not say. */
function shapeFindings(
  name: string,
  { type, format }: ColumnSchema,
  { forms, texts }: ColumnSketches,
  find: Find,
): SetFinding[] {
  if (type !== 'text' || format || !forms || !texts || texts.count < shapedMin) return [];
  const all = forms.texts - forms.blank;
  const shape = (['uuids', 'emails', 'urls', 'ipv4s'] as const).find((one) => all > 0 && forms[one] === all);
  if (!shape) return [];
  const evidence = `all ${all} texts of ${name} are ${shape}; write format: ${shape.replace(/s$/, '')} to have that asked`;
  return [
    {
      ...find('format', 'SEMANTIC_DOMAIN_UPDATE', { evidence, cause: 'texts with a shape' }),
      severity: 'warn',
    },
  ];
}
