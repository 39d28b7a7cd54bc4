import type { ColumnSchema, SchemaDocument } from '@perennial/spec';
import type { ColumnProfile, Profile } from '../profile/profile.js';
import { type Tails, tailsAlike, tailsOf } from '../rules/tails.js';
import { readingOf } from './reading.js';
import type { ColumnType } from './value.js';

/** Verified rows before ranges and presence are asked for: below it one odd row would make the rule. */
export const learningRows = 30;
/** A set of categories is closed after this many rows, if it is small and nothing in it is rare (see isClosed). */
const closedRows = 1000;
const closedCategories = 20;
const closedCountMin = 5;
/** Beyond the verified extremes, as a share of the verified range; a longer tail gets its own length (see widened). */
const slackShare = 0.5;
/**
 * The same for bursts. The next extreme of rain was twice the last, and the delays of three million flights passed theirs
 * by up to 14 times to one side: only an order of magnitude beyond everything verified is held.
 */
const burstSlackShare = 9;

/** Of fewer rows the extremes say little: two days of hours are a weekend, and no week. They get up to four times the slack. */
const earlyRows = 300;

/** What a source's rows are expected to be. Numbers are in the column's own unit. */
export interface Schema {
  readonly columns: Readonly<Record<string, ColumnExpectation>>;
}

/** How cells are read before anything is asked of them. */
export type Reading = Pick<ColumnSchema, 'type' | 'trim' | 'missingAs'>;

export interface ColumnExpectation {
  readonly type: ColumnType;
  /** Required: present in every verified row so far, and there were at least `learningRows`. */
  readonly required: boolean;
  /** Verified extremes and the widened bounds outside which a row is held; numbers with enough rows only. */
  readonly range?: { min: number; max: number; low: number; high: number };
  /** How its texts are read, where they stand for something else or have blanks around them. */
  readonly reading?: Reading;
  /** Texts seen; a closed set holds a row with any other, an open one lets it in. */
  readonly categories?: { values: readonly string[]; closed: boolean };
}

/**
 * The schema that the verified rows imply. Bounds of a column are kept from `before` until its extremes move, so that
 * an unchanged world gives an unchanged schema.
 */
export function inferSchema(profile: Profile, before?: Schema, accepted?: SchemaDocument): Schema {
  const columns: [string, ColumnExpectation][] = [];
  for (const [name, column] of Object.entries(profile.columns)) {
    if (column.type === undefined) continue;
    const range = rangeOf(column, before?.columns[name]?.range);
    const categories = categoriesOf(column, profile.rows);
    const reading = readingIn(profile, name, { before, accepted });
    const expectation = {
      type: column.type,
      required: profile.rows >= learningRows && column.missing === 0,
      ...(range && { range }),
      ...(reading && { reading }),
      ...(categories && { categories }),
    };
    columns.push([name, expectation]);
  }
  return { columns: Object.fromEntries(columns) };
}

/** How each column's cells are read: as somebody accepted, or by what its texts look like. */
export function readingsOf(
  profile: Profile,
  before?: Schema,
  accepted?: SchemaDocument,
): Record<string, Reading | undefined> {
  const names = new Set([...Object.keys(profile.forms ?? {}), ...Object.keys(accepted?.columns ?? {})]);
  return Object.fromEntries([...names].map((name) => [name, readingIn(profile, name, { before, accepted })]));
}

function readingIn(
  profile: Profile,
  name: string,
  { before, accepted }: { before: Schema | undefined; accepted: SchemaDocument | undefined },
): Reading | undefined {
  const written = accepted?.columns[name];
  if (written) return acceptedReading(written);
  const forms = profile.forms?.[name];
  if (!forms) return undefined;
  const column = profile.columns[name];
  const known = before?.columns[name]?.reading;
  // Numbers that were texts are counted among the texts already.
  const numbers = column?.type === 'number' && known?.type !== 'number' ? column.present : 0;
  return readingOf(forms, numbers, known);
}

/** What cells of an accepted column are read as; times and lists stay texts. */
function acceptedReading({ type, trim, missingAs }: ColumnSchema): Reading {
  const rest = { ...(trim && { trim }), ...(missingAs && { missingAs }) };
  if (type === 'number' || type === 'integer') return { type: 'number', ...rest };
  return { type: type === 'boolean' ? 'boolean' : 'text', ...rest };
}

function rangeOf(
  column: ColumnProfile,
  before: ColumnExpectation['range'],
): ColumnExpectation['range'] | undefined {
  const { min, max, sketch } = column;
  if (min === undefined || max === undefined || !sketch || column.present < learningRows) return undefined;
  if (!Number.isFinite(min) || !Number.isFinite(max)) return undefined;
  if (before && before.min === min && before.max === max) return before;
  const { low, high } = boundsOf({ min, max }, tailsOf(sketch));
  const early = column.present < earlyRows ? 1 + 100 / column.present : 1;
  return { min, max, low: min - early * (min - low), high: max + early * (high - max) };
}

/** The bounds that a column's extremes and its 5, 50 and 95 % quantiles allow. */
export function boundsOf(
  { min, max }: { min: number; max: number },
  tails: Tails,
): { low: number; high: number } {
  const { low, high } = widened({ min, max }, tails);
  // Where a twentieth of the values lies on zero and none below, zero is a wall (rain, counts), not an extreme.
  return { low: min === 0 && tails.low === 0 ? 0 : low, high };
}

/** Whole numbers from zero, one or two on: counts, counters, months and other codes, which go on where they were cut. */
function countsUp({ min, max }: { min: number; max: number }, { low, middle, high }: Tails): boolean {
  return min >= 0 && min <= 2 && [min, max, low, middle, high].every(Number.isInteger);
}

/**
 * Half a range of slack to either side, and on the side of a longer tail as much as the tail is long; temperatures
 * passed their extremes by a quarter of the range at most. Bursts get far more.
 */
function widened({ min, max }: { min: number; max: number }, tails: Tails): { low: number; high: number } {
  const range = max - min;
  if (!tailsAlike(tails) || countsUp({ min, max }, tails)) {
    // A column that never varied says nothing about how far it may: allow its own size.
    const slack = Math.max(burstSlackShare * range, range === 0 ? Math.max(1, Math.abs(max)) : 0);
    return { low: min - slack, high: max + slack };
  }
  const { middle } = tails;
  const half = slackShare * range;
  return { low: min - Math.max(half, middle - min), high: max + Math.max(half, max - middle) };
}

function categoriesOf(column: ColumnProfile, rows: number): ColumnExpectation['categories'] | undefined {
  if (!column.categories) return undefined;
  const values = Object.keys(column.categories).sort();
  return { values, closed: isClosed(Object.values(column.categories), rows) };
}

/**
 * By Good and Turing the chance that the next row shows something new is about (values seen once) / rows. With none
 * seen fewer than five times in a thousand rows it is small enough to hold such a row and ask.
 */
export function isClosed(counts: readonly number[], rows: number): boolean {
  return (
    rows >= closedRows &&
    counts.length <= closedCategories &&
    counts.every((count) => count >= closedCountMin)
  );
}
