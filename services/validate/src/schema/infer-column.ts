import type { ColumnSchema } from '@perennial/spec';
import { type ColumnSketches, presentOf } from '../profile/set-profile.js';
import { NumberSketch } from '../profile/sketches/number-sketch.js';
import type { TextForms } from '../profile/text-forms.js';
import { isShaped, numberText } from '../rules/formats.js';
import { capsOf } from './caps.js';
import { boundsOf, isClosed, learningRows } from './learned.js';
import { informativeTexts, isCode, readingOf } from './reading.js';
import { wilsonLow } from './wilson.js';

/** Rows after which none missing says that none will be: by the rule of three at most one in a hundred is. */
const requiredRows = 300;
/** Numbers without a fraction before they are called integers; at most three in a thousand have one then. */
const integerRows = 1000;
/** Rows before a column is called constant, or its values unique. */
const constantRows = 100;
const domainMax = 100;
/** A domain's values come ten times each on average; what comes more seldom is a name, not a category. */
const domainShareMax = 0.1;
/** Different whole numbers up to which they may be codes. */
const codesMax = 20;
/** A code that makes up less than this is worth a look into the description of the data. */
const rareShare = 0.01;

/** What verified rows say of one column, and what somebody should know before they accept it. */
export interface InferredColumn {
  readonly column: ColumnSchema;
  readonly notes: readonly string[];
}

/**
 * A column as a proposal has it; undefined where nothing was ever seen of it. `raw` says what its texts looked like as
 * they came, where the sketches are of rows as they were read.
 */
export function inferColumn(
  sketches: ColumnSketches,
  rows: number,
  raw: TextForms | undefined = sketches.forms,
): InferredColumn | undefined {
  const present = presentOf(sketches);
  if (present === 0) return undefined;
  const { numbers, texts, booleans } = sketches;
  if (texts && raw) return inferTexts(sketches, rows, raw);
  if (numbers) return inferNumbers(sketches, numbers, { rows, raw });
  if (!booleans) return undefined;
  return { column: { type: 'boolean', ...presenceOf(present, rows) }, notes: [] };
}

function inferNumbers(
  sketches: ColumnSketches,
  numbers: NumberSketch,
  { rows, raw }: { rows: number; raw: TextForms | undefined },
): InferredColumn {
  const { count } = numbers.moments;
  const reading = raw && readingOf(raw, count, { type: 'number' });
  const notes = raw ? numberTextNotes(raw, reading?.missingAs ?? []) : [];
  const { nan, infinite } = numbers;
  if (nan + infinite > 0) notes.push(`${nan} NaN and ${infinite} infinite values, which no rule lets pass`);
  const type = numbers.fractional === 0 && count >= integerRows ? 'integer' : 'number';
  const caps = capsOf(numbers);
  for (const cap of caps) {
    notes.push(
      `${cap.count} of ${count} values are exactly ${cap.at}, the ${cap.side === 'high' ? 'largest' : 'smallest'} there is: the true ones were cut off there`,
    );
  }
  const column: ColumnSchema = {
    ...(reading?.type === 'number' && reading),
    type,
    ...presenceOf(presentOf(sketches), rows),
    ...rangeOf(numbers),
    ...codesOf(numbers, notes),
    ...uniqueOf(numbers, type),
    ...(caps.length > 0 && { capped: caps.map(({ at, side, share }) => ({ at, side, share })) }),
    ...constantOf(numbers.exactCounts(), count, notes),
  };
  return { column, notes };
}

function presenceOf(present: number, rows: number): Pick<ColumnSchema, 'presence'> {
  if (rows < learningRows) return {};
  if (present === rows && rows >= requiredRows) return { presence: { minFraction: 1 } };
  const minFraction = wilsonLow(present, rows);
  return minFraction > 0 ? { presence: { minFraction } } : {};
}

function rangeOf(numbers: NumberSketch): Pick<ColumnSchema, 'range'> {
  const { count, min, max } = numbers.moments;
  if (count < learningRows) return {};
  const [low, middle, high] = numbers.quantiles([0.05, 0.5, 0.95]) as [number, number, number];
  return { range: { min, max, ...boundsOf({ min, max }, { low, middle, high }) } };
}

/** Few whole numbers: codes, perhaps. An open domain, since the next row may count one more. */
function codesOf(numbers: NumberSketch, notes: string[]): Pick<ColumnSchema, 'domain'> {
  const counts = numbers.exactCounts();
  const { count } = numbers.moments;
  if (!counts || counts.length > codesMax || counts.length < 2 || count < integerRows) return {};
  if (numbers.fractional > 0) return {};
  const rare = counts.filter(([, times]) => times < rareShare * count);
  if (rare.length > 0 && counts.length > 2) {
    const shown = rare.map(([value, times]) => `${value} (${times} rows)`).join(', ');
    notes.push(
      `few different whole numbers, some of them rare: ${shown}; look whether the description of the data knows them`,
    );
  }
  const odd = counts.filter(([value]) => value <= 0);
  const isCounting = counts.some(([value]) => value >= 2);
  if (isCounting && odd.some(([value]) => value < 0)) {
    notes.push(
      `beside counts there are ${odd.map(([value, times]) => `${value} (${times} rows)`).join(', ')}: codes for something else, perhaps`,
    );
  }
  const singles = counts.filter(([, times]) => times === 1).length;
  return {
    domain: {
      values: counts.map(([value]) => value),
      closed: false,
      minMass: wilsonLow(count - singles, count),
    },
  };
}

function uniqueOf(numbers: NumberSketch, type: ColumnSchema['type']): Pick<ColumnSchema, 'distinct'> {
  const { count } = numbers.moments;
  if (type !== 'integer' && numbers.fractional > 0) return {};
  return isUnique(numbers.distinct(), { count, top: numbers.top(1) }) ? { distinct: { unique: true } } : {};
}

/** Exact for few values; for many within what the sketches can tell: 2 % of the distinct ones, and none found twice. */
function isUnique(
  distinct: { count: number; isExact: boolean },
  { count, top }: { count: number; top: { values: readonly { count: number }[] } },
): boolean {
  if (count < constantRows) return false;
  if (distinct.isExact) return distinct.count === count;
  return distinct.count >= 0.98 * count && (top.values[0]?.count ?? 0) <= 0.001 * count;
}

function constantOf(
  counts: readonly (readonly [number | string, number])[] | undefined,
  count: number,
  notes: string[],
): Pick<ColumnSchema, 'constant'> {
  const [only] = counts ?? [];
  if (!only || counts?.length !== 1 || count < constantRows) return {};
  notes.push(`always ${only[0]}: it says nothing yet, and one day it may wake up`);
  return { constant: only[0] };
}

function inferTexts(sketches: ColumnSketches, rows: number, raw: TextForms): InferredColumn {
  const { texts, numbers, forms = raw } = sketches;
  const reading = readingOf(raw, numbers?.moments.count ?? 0, undefined, learningRows);
  const missingAs = reading?.missingAs ?? [];
  const present = presentOf(sketches) - missingTexts(forms, missingAs);
  const presence = presenceOf(present, rows);
  const exact = texts?.exactCounts();
  if (reading?.type === 'number') {
    const type = raw.integers === raw.numbers && raw.numbers >= integerRows ? 'integer' : 'number';
    const range = numbers ? rangeOf(numbers) : rangeOf(numbersOf(exact));
    return { column: { ...reading, type, ...presence, ...range }, notes: numberTextNotes(raw, missingAs) };
  }
  const notes = readingNotes(raw, missingAs);
  const shape = shapeOf(forms);
  if (shape.format === 'digits') {
    notes.push(
      'digits that are a code and no quantity (zeros in front, or all of one length): kept as texts',
    );
  }
  const column: ColumnSchema = { ...(reading ?? {}), ...shape, ...presence };
  const counts = readCounts(exact, column);
  const isName = texts && isUnique(texts.distinct(), { count: present, top: texts.top(1) });
  return {
    column: {
      ...column,
      ...(shape.type === 'text' && !shape.format && domainOf(counts, present)),
      ...(isName && { distinct: { unique: true as const } }),
      ...constantOf(counts, present, notes),
    },
    notes,
  };
}

function numberTextNotes(raw: TextForms, missingAs: readonly string[]): string[] {
  const odd = informativeTexts(raw) - raw.numbers;
  return [
    ...(raw.numbers > 0 ? [`${raw.numbers} numbers that came as texts`] : []),
    ...readingNotes(raw, missingAs),
    ...(odd > 0 ? [`${odd} texts that are no numbers, which are held`] : []),
  ];
}

function missingTexts({ blank, tokens }: TextForms, missingAs: readonly string[]): number {
  const words = missingAs.reduce((sum, token) => sum + (tokens[token] ?? 0), 0);
  return words + (missingAs.includes('') ? blank : 0);
}

function readingNotes(forms: TextForms, missingAs: readonly string[]): string[] {
  const words = missingAs
    .filter((token) => token !== '')
    .map((token) => `"${token}" (${forms.tokens[token]} rows)`);
  return [
    ...(forms.blank > 0 ? [`${forms.blank} blank texts, taken for missing`] : []),
    ...(words.length > 0 ? [`${words.join(', ')} taken for missing`] : []),
    ...(forms.padded > 0 ? [`${forms.padded} texts with blanks around them, which are taken off`] : []),
  ];
}

/** The one shape that all texts have. */
function shapeOf(forms: TextForms): Pick<ColumnSchema, 'type' | 'format'> {
  const all = informativeTexts(forms);
  if (all < learningRows) return { type: 'text' };
  if (forms.dates === all) return { type: 'time', format: 'date' };
  if (forms.dates + forms.datetimes === all)
    return forms.dates === 0 ? { type: 'time', format: 'datetime' } : { type: 'time' };
  if (forms.digits === all && isCode(forms)) return { type: 'text', format: 'digits' };
  if (forms.uuids === all) return { type: 'text', format: 'uuid' };
  if (forms.emails === all) return { type: 'text', format: 'email' };
  if (forms.urls === all) return { type: 'text', format: 'url' };
  return forms.ipv4s === all ? { type: 'text', format: 'ipv4' } : { type: 'text' };
}

/** Texts and their counts as they are read. */
function readCounts(
  counts: ReadonlyMap<string, number> | undefined,
  { trim, missingAs = [] }: ColumnSchema,
): [string, number][] | undefined {
  if (!counts) return undefined;
  const read = new Map<string, number>();
  for (const [raw, count] of counts) {
    const text = trim ? raw.trim() : raw;
    if (!missingAs.includes(text)) read.set(text, (read.get(text) ?? 0) + count);
  }
  return [...read].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** By Good and Turing the share of rows with a value that was not seen is about that of values seen once. */
function domainOf(
  counts: readonly (readonly [string, number])[] | undefined,
  present: number,
): Pick<ColumnSchema, 'domain'> {
  if (!counts || counts.length === 0 || present < learningRows) return {};
  if (counts.length > domainMax || counts.length > domainShareMax * present) return {};
  const times = counts.map(([, count]) => count);
  const values = counts.map(([value]) => value);
  if (isClosed(times, present)) return { domain: { values, closed: true } };
  const singles = times.filter((count) => count === 1).length;
  return { domain: { values, closed: false, minMass: wilsonLow(present - singles, present) } };
}

/** The numbers among texts. */
function numbersOf(counts: ReadonlyMap<string, number> | undefined): NumberSketch {
  const numbers = new NumberSketch();
  for (const [text, times] of counts ?? []) {
    if (isShaped(text.trim(), numberText)) numbers.addTimes(Number(text), times);
  }
  return numbers;
}
