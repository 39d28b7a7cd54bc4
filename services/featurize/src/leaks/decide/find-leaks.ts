import { groupDetermination, rankDetermination, thresholdDetermination } from './determined.js';
import { type Combination, exactCombination } from './exact-combination.js';
import { type Leak, rowsMin, type Sample, type SampleColumn } from './leak.js';
import { type LabelRuns, labelReader, type MadeOfLabels } from './made-of-labels.js';
import { combinationText, plainNumber } from './relation-text.js';

/** A formula that can be asked of all rows: of the values, or of their logarithms. */
export interface Formula extends Combination {
  readonly of: 'values' | 'logarithms';
  /** Columns by the index that its terms name. */
  readonly names: readonly string[];
}

/** What a sample shows; where it has a formula, all rows can be asked about it. */
export interface Suspicion extends Leak {
  readonly formula?: Formula;
}

/**
 * Rows in the order in which they came to be, and the same columns of them. Features that windows give see nothing of
 * their own row or later, and are not among the columns.
 */
export interface Runs extends LabelRuns {
  readonly columns: readonly SampleColumn[];
}

/** A row that the label's relation does not explain in 200: an honest measurement is worse. */
const tooGoodMin = 0.995;
/** Compositions that are looked for, one after the other, each without the features of those before. */
const compositionsMax = 3;
/** Rows whose time lies after the event's before a column is one of later times. */
const laterShareMin = 0.95;
/** Distinct values of a code; a number with more is a measurement. */
const codesMax = 50;

type NumberColumn = Extract<SampleColumn, { kind: 'number' }>;

/** Everything that gives the label away, strongest kind first; a feature is reported once. */
export function findLeaks(sample: Sample, runs: Runs): Suspicion[] {
  if (sample.labels.length < rowsMin || isConstant(sample.labels)) return [];
  const found: Suspicion[] = [];
  const left = () =>
    sample.columns.filter(({ name }) => !found.some(({ features }) => features.includes(name)));
  for (const column of left()) add(renamed(sample, column));
  for (let round = 0; round < compositionsMax; round++) {
    const before = found.length;
    add(composed(sample, left().filter(isNumber)));
    if (found.length === before) break;
  }
  const readLabels = labelReader(runs);
  for (const { name } of left()) {
    const column = runs.columns.find((one) => one.name === name);
    if (column?.kind === 'number') add(later(sample, name, readLabels(column.values)));
    if (column?.kind === 'text') add(laterTimes(name, column.values, runs.timesUs));
  }
  for (const column of left()) add(tooGood(sample, column));
  return found;

  function add(suspicion: Suspicion | undefined): void {
    if (suspicion) found.push(suspicion);
  }
}

function renamed(sample: Sample, column: SampleColumn): Suspicion | undefined {
  const { label, labels } = sample;
  const numeric = asNumbers(column);
  const whole = numeric && completeRows([numeric.values], labels.length);
  // Of two values each is one of the other, where all are there: that is asked below, by what they are.
  if (numeric && whole && whole.length >= rowsMin && whole.length * 2 >= labels.length) {
    const formula = exactly(sample, [numeric], whole, 'values');
    if (formula) return suspicionOf(sample, 'renamed', formula, whole.length);
  }
  if (column.kind !== 'text') return undefined;
  const wordOf = new Map<number, string | null>();
  const labelOf = new Map<string | null, number>();
  for (const [row, text] of column.values.entries()) {
    const value = labels[row] as number;
    if ((wordOf.get(value) ?? text) !== text || (labelOf.get(text) ?? value) !== value) return undefined;
    wordOf.set(value, text);
    labelOf.set(text, value);
  }
  // A text for each row is a name, and no other word for anything.
  if (wordOf.size < 2 || wordOf.size * 2 > labels.length) return undefined;
  const words = [...wordOf].slice(0, 3).map(([value, text]) => `${JSON.stringify(text)} is ${value}`);
  return {
    kind: 'renamed',
    features: [column.name],
    relation: `${column.name} is ${label.name} in other words`,
    evidence: `each of its ${wordOf.size} values stands for one value of ${label.name}: ${words.join(', ')}`,
    strength: 1,
    rows: labels.length,
    rowsHolding: labels.length,
  };
}

function composed(sample: Sample, columns: readonly NumberColumn[]): Suspicion | undefined {
  for (const of of ['values', 'logarithms'] as const) {
    const usable = columns.filter(({ values }) => of === 'values' || everyPositive(values));
    if (of === 'logarithms' && !everyPositive(sample.labels)) return undefined;
    const { kept, rows } = mostlyThere(usable, sample.labels.length);
    if (rows.length < rowsMin) continue;
    const formula = exactly(sample, kept, rows, of);
    if (formula && (of === 'values' || formula.terms.every(({ coefficient }) => isPower(coefficient))))
      return suspicionOf(sample, 'composed', formula, rows.length);
  }
  return undefined;
}

/** Whether all of these rows obey one formula; of terms that the columns give. */
function exactly(
  { labels }: Sample,
  columns: readonly NumberColumn[],
  rows: readonly number[],
  of: Formula['of'],
): Formula | undefined {
  const take = (values: Float64Array) =>
    Float64Array.from(rows, (row) =>
      of === 'values' ? (values[row] as number) : Math.log(values[row] as number),
    );
  const found = exactCombination(
    take(labels),
    columns.map(({ values }) => take(values)),
  );
  // With almost as many terms as rows everything fits.
  if (!found || found.terms.length * 8 > rows.length) return undefined;
  return { ...found, of, names: columns.map(({ name }) => name) };
}

function suspicionOf(
  { label }: Sample,
  kind: 'renamed' | 'composed',
  formula: Formula,
  rows: number,
): Suspicion {
  const features = formula.terms.map(({ index }) => formula.names[index] as string);
  return {
    kind,
    features,
    relation: `${label.name} = ${formula.of === 'values' ? combinationText(formula, formula.names) : productText(formula)}`,
    evidence: `holds in ${rows} of ${rows} rows that were looked at`,
    strength: 1,
    rows,
    rowsHolding: rows,
    formula,
  };
}

function productText({ constant, terms, names }: Formula): string {
  const factor = plainNumber(Math.exp(constant));
  const parts = terms.map(({ index, coefficient }) => {
    const power = Math.abs(Math.round(coefficient));
    return { isBelow: coefficient < 0, text: power === 1 ? names[index] : `${names[index]}^${power}` };
  });
  const above = [
    ...(factor === 1 ? [] : [String(factor)]),
    ...parts.filter((one) => !one.isBelow).map((one) => one.text),
  ];
  const below = parts.filter(({ isBelow }) => isBelow).map(({ text }) => ` / ${text}`);
  return `${above.join(' * ') || '1'}${below.join('')}`;
}

function later({ label }: Sample, name: string, found: MadeOfLabels | undefined): Suspicion | undefined {
  if (!found) return undefined;
  const { terms, isRunning, rows } = found;
  const shown = [...terms]
    .sort((a, b) => a.shift - b.shift)
    .map(({ shift, coefficient }) => {
      const place =
        shift === 0 ? 'of its own row' : `${Math.abs(shift)} rows ${shift > 0 ? 'later' : 'before'}`;
      return `${plainNumber(coefficient)} * ${label.name} ${place}`;
    });
  const last = Math.max(...terms.map(({ shift }) => shift));
  return {
    kind: 'later',
    features: [name],
    relation: `${isRunning ? `the step of ${name}` : name} = ${shown.join(' + ')}`,
    evidence: `it is made of labels up to ${last === 0 ? 'that of its own row' : `the one ${last} rows later`}, in ${rows} of ${rows} rows that were looked at`,
    strength: 1,
    rows,
    rowsHolding: rows,
  };
}

const isoTime = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

function laterTimes(
  name: string,
  values: readonly (string | null)[],
  timesUs: Float64Array,
): Suspicion | undefined {
  let [there, after] = [0, 0];
  for (const [row, text] of values.entries()) {
    if (text === null || text === '') continue;
    there += 1;
    if (!isoTime.test(text)) return undefined;
    const zoned =
      /(Z|[+-]\d{2}:?\d{2})$/.test(text) || text.length === 10 ? text : `${text.replace(' ', 'T')}Z`;
    if (Date.parse(zoned) * 1_000 > (timesUs[row] as number)) after += 1;
  }
  if (there < rowsMin || after < laterShareMin * there) return undefined;
  return {
    kind: 'later',
    features: [name],
    relation: `${name} is a time after the row's own`,
    evidence: `later in ${after} of the ${there} rows that have it; nobody knows it yet when the row is asked about, unless it was planned`,
    strength: after / there,
    rows: there,
    rowsHolding: after,
  };
}

function tooGood({ label, labels }: Sample, column: SampleColumn): Suspicion | undefined {
  const strengths: [number, string][] = [];
  const missing =
    column.kind === 'text'
      ? column.values.map((value) => (value === null ? 1 : 0))
      : Array.from(column.values, (value) => (Number.isNaN(value) ? 1 : 0));
  strengths.push([groupDetermination(missing, labels, label.task), 'whether it is there at all']);
  if (column.kind === 'text') {
    strengths.push([groupDetermination(column.values, labels, label.task), 'its value alone']);
  } else {
    const codes = new Set(column.values);
    if (codes.size <= codesMax)
      strengths.push([groupDetermination([...column.values], labels, label.task), 'its value alone']);
    strengths.push(
      label.task === 'classification'
        ? [thresholdDetermination(column.values, labels), 'one threshold on it']
        : [rankDetermination(column.values, labels), 'its order alone'],
    );
  }
  const [strength, how] = strengths.reduce((a, b) => (b[0] > a[0] ? b : a));
  if (!(strength >= tooGoodMin)) return undefined;
  const share = `${Math.floor(strength * 10_000) / 100} %`;
  return {
    kind: 'too-good',
    features: [column.name],
    relation: `${column.name} decides ${label.name}`,
    evidence: `${how} explains ${share} of ${label.name} in ${labels.length} rows; features that are known beforehand seldom do`,
    strength,
    rows: labels.length,
    rowsHolding: Math.round(strength * labels.length),
  };
}

/** A text column whose every value is a number is one of numbers. */
function asNumbers(column: SampleColumn): NumberColumn | undefined {
  if (column.kind === 'number') return column;
  const values = Float64Array.from(column.values, (text) =>
    text === null || text.trim() === '' ? Number.NaN : Number(text),
  );
  const isNumeric = column.values.every(
    (text, row) => text === null || text.trim() === '' || Number.isFinite(values[row]),
  );
  return isNumeric ? { name: column.name, kind: 'number', values } : undefined;
}

/** The columns that are there in most rows, and the rows in which all of those are. */
function mostlyThere(columns: readonly NumberColumn[], n: number) {
  const missing = (column: NumberColumn) =>
    column.values.reduce((sum, value) => sum + (Number.isFinite(value) ? 0 : 1), 0);
  const kept = columns.filter((column) => missing(column) * 20 <= n && !isConstant(column.values));
  let rows = completeRows(
    kept.map(({ values }) => values),
    n,
  );
  // Gaps of many columns lie in different rows: the emptiest columns go until half of the rows are whole.
  kept.sort((a, b) => missing(a) - missing(b));
  while (rows.length * 2 < n && kept.length > 0) {
    kept.pop();
    rows = completeRows(
      kept.map(({ values }) => values),
      n,
    );
  }
  return { kept, rows };
}

function completeRows(columns: readonly Float64Array[], n: number): number[] {
  const rows: number[] = [];
  for (let row = 0; row < n; row++)
    if (columns.every((values) => Number.isFinite(values[row]))) rows.push(row);
  return rows;
}

function isNumber(column: SampleColumn): column is NumberColumn {
  return column.kind === 'number';
}

function isConstant(values: Float64Array): boolean {
  const there = values.filter((value) => Number.isFinite(value));
  return there.every((value) => value === there[0]);
}

function everyPositive(values: Float64Array): boolean {
  return values.every((value) => value > 0);
}

function isPower(coefficient: number): boolean {
  const whole = Math.round(coefficient);
  return Math.abs(coefficient - whole) < 1e-6 && Math.abs(whole) <= 3;
}
