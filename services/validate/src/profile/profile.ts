import type { Reading } from '../schema/learned.js';
import { type ColumnType, isEventTime, type JudgedRow, typeOfValue } from '../schema/value.js';
import { emptySketch, type Sketch, sketchAdd, sketchMerge } from './sketch.js';
import { addForm, mergeForms, noForms, type TextForms } from './text-forms.js';

/** Distinct texts counted per column; a column with more is no category. */
export const categoriesMax = 100;

/** What was seen of one column in verified rows. Counts are rows. */
export interface ColumnProfile {
  readonly type: ColumnType | undefined;
  readonly present: number;
  readonly missing: number;
  /** Numbers only. */
  readonly min?: number;
  readonly max?: number;
  readonly sketch?: Sketch;
  /** Texts only: how often each was seen; undefined once there were more than `categoriesMax`. */
  readonly categories?: Readonly<Record<string, number>>;
}

/** What was seen of a source in verified rows. */
export interface Profile {
  readonly rows: number;
  readonly columns: Readonly<Record<string, ColumnProfile>>;
  /** What texts look like as they came, by column; of held rows as well, since they say how cells are to be read. */
  readonly forms?: Readonly<Record<string, TextForms>>;
}

export const emptyProfile: Profile = { rows: 0, columns: {} };

/** What one segment's column says, as a set; made from rows here, or from one pass of SQL over a large segment. */
export interface ColumnSummary {
  readonly type: ColumnType | undefined;
  readonly present: number;
  readonly missing: number;
  readonly min?: number;
  readonly max?: number;
  /** Every finite value of a small segment, evenly spaced quantiles of a large one. */
  readonly numbers?: readonly number[];
  readonly categories?: Readonly<Record<string, number>>;
}

/** The profile after these verified rows. */
export function profileAdd(profile: Profile, rows: readonly JudgedRow[]): Profile {
  return profileMerge(profile, rows.length, summarize(rows));
}

/** The profile after a verified segment of `rows` rows with these summaries. */
export function profileMerge(
  profile: Profile,
  rows: number,
  summaries: Readonly<Record<string, ColumnSummary>>,
): Profile {
  const names = new Set([...Object.keys(profile.columns), ...Object.keys(summaries)]);
  const columns = Object.fromEntries(
    [...names].map((name) => [name, mergeColumn(profile.columns[name], summaries[name], profile.rows, rows)]),
  );
  return { ...profile, rows: profile.rows + rows, columns };
}

/** The profile with what the texts of a segment looked like. */
export function withForms(profile: Profile, forms: Readonly<Record<string, TextForms>>): Profile {
  const merged = new Map(Object.entries(profile.forms ?? {}));
  for (const [name, one] of Object.entries(forms)) {
    const before = merged.get(name);
    merged.set(name, before ? mergeForms(before, one) : one);
  }
  return merged.size > 0 ? { ...profile, forms: Object.fromEntries(merged) } : profile;
}

/** What the texts of these rows look like, by column. */
export function formsOfRows(rows: readonly JudgedRow[]): Record<string, TextForms> {
  const forms = new Map<string, TextForms>();
  for (const { values } of rows) {
    for (const [name, value] of Object.entries(values)) {
      if (typeof value !== 'string') continue;
      const one = forms.get(name) ?? noForms();
      addForm(one, value, 1);
      forms.set(name, one);
    }
  }
  return Object.fromEntries(forms);
}

/**
 * The profile as if its texts had been read so from the beginning: a column that is read as another type begins anew
 * (numbers that came as texts), and known texts lose their blanks and the words for nothing.
 */
export function reread(profile: Profile, readings: Readonly<Record<string, Reading | undefined>>): Profile {
  const columns = Object.entries(profile.columns).map(([name, column]): [string, ColumnProfile] => {
    const reading = readings[name];
    if (!reading || column.type === undefined) return [name, column];
    const type = reading.type as ColumnType;
    if (type !== column.type) {
      const missing = column.missing + missingTexts(profile.forms?.[name], reading);
      return [name, { type, present: 0, missing }];
    }
    if (type !== 'text') return [name, column];
    if (!column.categories) return [name, column];
    const categories = readTexts(column.categories, reading);
    const present = Object.values(categories).reduce((sum, count) => sum + count, 0);
    return [name, { ...column, categories, present, missing: column.missing + column.present - present }];
  });
  return { ...profile, columns: Object.fromEntries(columns) };
}

function missingTexts(forms: TextForms | undefined, { missingAs = [] }: Reading): number {
  const tokens = missingAs.map((token) => forms?.tokens[token] ?? 0);
  return tokens.reduce((sum, count) => sum + count, missingAs.includes('') ? (forms?.blank ?? 0) : 0);
}

function readTexts(
  categories: Readonly<Record<string, number>>,
  { trim, missingAs = [] }: Reading,
): Record<string, number> {
  const read = new Map<string, number>();
  for (const [text, count] of Object.entries(categories)) {
    const value = trim ? text.trim() : text;
    if (!missingAs.includes(value)) read.set(value, (read.get(value) ?? 0) + count);
  }
  return Object.fromEntries(read);
}

function mergeColumn(
  known: ColumnProfile | undefined,
  added: ColumnSummary | undefined,
  rowsBefore: number,
  rows: number,
): ColumnProfile {
  const before = known ?? { type: undefined, present: 0, missing: rowsBefore };
  if (!added || added.present === 0) return { ...before, missing: before.missing + rows };
  const counts = {
    type: before.type ?? added.type,
    present: before.present + added.present,
    missing: before.missing + added.missing,
  };
  if (counts.type === 'number') return { ...counts, ...mergeNumbers(before, added) };
  if (counts.type !== 'text') return counts;
  const categories = mergeCategories(before, added);
  return categories ? { ...counts, categories } : counts;
}

function mergeNumbers(before: ColumnProfile, added: ColumnSummary): Partial<ColumnProfile> {
  const sketch = before.sketch ?? emptySketch;
  const numbers = added.numbers ?? [];
  return {
    min: Math.min(before.min ?? Number.POSITIVE_INFINITY, added.min ?? Number.POSITIVE_INFINITY),
    max: Math.max(before.max ?? Number.NEGATIVE_INFINITY, added.max ?? Number.NEGATIVE_INFINITY),
    sketch:
      numbers.length >= added.present
        ? sketchAdd(sketch, numbers)
        : sketchMerge(sketch, numbers, added.present),
  };
}

function mergeCategories(before: ColumnProfile, added: ColumnSummary): Record<string, number> | undefined {
  if ((before.present > 0 && !before.categories) || !added.categories) return undefined;
  // A map: "constructor" is a text like any other, and every object has one.
  const categories = new Map(Object.entries(before.categories ?? {}));
  for (const [value, count] of Object.entries(added.categories)) {
    const text = storable(value);
    categories.set(text, (categories.get(text) ?? 0) + count);
  }
  return categories.size > categoriesMax ? undefined : Object.fromEntries(categories);
}

/** Summaries of a small segment's rows, by column. */
export function summarize(rows: readonly JudgedRow[]): Record<string, ColumnSummary> {
  const names = new Set(rows.flatMap((row) => Object.keys(row.values)));
  return Object.fromEntries([...names].map((name) => [name, summarizeColumn(name, rows)]));
}

function summarizeColumn(name: string, rows: readonly JudgedRow[]): ColumnSummary {
  const values = rows
    .filter((row) => !isEventTime(row.values[name], row))
    .map((row) => row.values[name])
    .filter((value) => value !== null && value !== undefined);
  const type = values.length ? typeOfValue(values[0]) : undefined;
  const counts = { type, present: values.length, missing: rows.length - values.length };
  if (type === 'number') {
    const numbers = values.filter(
      (value): value is number => typeof value === 'number' && Number.isFinite(value),
    );
    if (numbers.length === 0) return counts;
    const min = numbers.reduce((a, b) => Math.min(a, b));
    const max = numbers.reduce((a, b) => Math.max(a, b));
    return { ...counts, min, max, numbers };
  }
  if (type !== 'text') return counts;
  const categories = new Map<string, number>();
  for (const value of values) categories.set(String(value), (categories.get(String(value)) ?? 0) + 1);
  return { ...counts, categories: Object.fromEntries(categories) };
}

/** Databases hold no U+0000 in JSON. */
function storable(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text;
}
