import { NumberSketch, type NumberSketchState } from './sketches/number-sketch.js';
import { TextSketch, type TextSketchState } from './sketches/text-sketch.js';
import { mergeForms, noForms, type TextForms } from './text-forms.js';

/** What is known of one column of a set of rows. Cells of several physical types are sketched each by itself. */
export interface ColumnSketches {
  /** Rows without a value. */
  missing: number;
  numbers?: NumberSketch;
  texts?: TextSketch;
  /** What the texts look like. */
  forms?: TextForms;
  booleans?: { yes: number; no: number };
}

/** Times of the rows, in ms since the epoch. */
export interface EventTimes {
  readonly sketch: NumberSketch;
  /** Steps to the next later time, where the rows lie in event-time order; the usual one is the interval. */
  readonly steps: NumberSketch;
}

/**
 * The profile of a set of rows: a few KiB a column whatever the number of rows. Profiles of disjoint sets merge to the
 * profile of their union, so that a year is a merge and not a scan.
 */
export interface SetProfile {
  rows: number;
  readonly columns: Map<string, ColumnSketches>;
  readonly times: EventTimes;
}

export function emptySetProfile(): SetProfile {
  return { rows: 0, columns: new Map(), times: { sketch: new NumberSketch(), steps: new NumberSketch() } };
}

/** Adds `other` to `profile`. */
export function mergeInto(profile: SetProfile, other: SetProfile): void {
  for (const name of new Set([...profile.columns.keys(), ...other.columns.keys()])) {
    const [mine, theirs] = [profile.columns.get(name), other.columns.get(name)];
    // A column that a set does not have is missing in each of its rows.
    const into = mine ?? { missing: profile.rows };
    into.missing += theirs?.missing ?? other.rows;
    profile.columns.set(name, into);
    if (theirs) mergeColumn(into, theirs);
  }
  profile.rows += other.rows;
  profile.times.sketch.merge(other.times.sketch);
  profile.times.steps.merge(other.times.steps);
}

function mergeColumn(into: ColumnSketches, { numbers, texts, forms, booleans }: ColumnSketches): void {
  if (numbers) {
    into.numbers ??= new NumberSketch();
    into.numbers.merge(numbers);
  }
  if (texts) {
    into.texts ??= new TextSketch();
    into.texts.merge(texts);
  }
  if (forms) into.forms = mergeForms(into.forms ?? noForms(), forms);
  if (booleans) {
    const { yes, no } = into.booleans ?? { yes: 0, no: 0 };
    into.booleans = { yes: yes + booleans.yes, no: no + booleans.no };
  }
}

/** Rows with a value: of any type, NaN and infinities included. */
export function presentOf({ numbers, texts, booleans }: ColumnSketches): number {
  const ofNumbers = numbers ? numbers.moments.count + numbers.nan + numbers.infinite : 0;
  return ofNumbers + (texts?.count ?? 0) + (booleans ? booleans.yes + booleans.no : 0);
}

interface ColumnState {
  readonly missing: number;
  readonly numbers?: NumberSketchState;
  readonly texts?: TextSketchState;
  readonly forms?: TextForms;
  readonly booleans?: { yes: number; no: number };
}

/** As JSON; `decodeProfile` reads it back. */
export function encodeProfile(profile: SetProfile): string {
  const columns = [...profile.columns].map(([name, { missing, numbers, texts, forms, booleans }]) => {
    const state: ColumnState = {
      missing,
      ...(numbers && { numbers: numbers.state() }),
      ...(texts && { texts: texts.state() }),
      ...(forms && { forms }),
      ...(booleans && { booleans }),
    };
    return [name, state] as const;
  });
  const times = { sketch: profile.times.sketch.state(), steps: profile.times.steps.state() };
  return JSON.stringify({ rows: profile.rows, columns, times }, (_, value: unknown) => {
    if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString('base64') };
    // JSON has no infinities, which stand in the extremes of what is empty.
    return value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY
      ? { infinite: value > 0 }
      : value;
  });
}

export function decodeProfile(json: string): SetProfile {
  const read = JSON.parse(json, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const { base64, infinite } = value as { base64?: unknown; infinite?: unknown };
    if (typeof base64 === 'string') return new Uint8Array(Buffer.from(base64, 'base64'));
    if (typeof infinite === 'boolean') return infinite ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    return value;
  }) as {
    rows: number;
    columns: [string, ColumnState][];
    times: { sketch: NumberSketchState; steps: NumberSketchState };
  };
  const columns = read.columns.map(([name, { missing, numbers, texts, forms, booleans }]) => {
    const sketches: ColumnSketches = {
      missing,
      ...(numbers && { numbers: new NumberSketch({ state: numbers }) }),
      ...(texts && { texts: new TextSketch(texts) }),
      ...(forms && { forms }),
      ...(booleans && { booleans }),
    };
    return [name, sketches] as const;
  });
  const times = {
    sketch: new NumberSketch({ state: read.times.sketch }),
    steps: new NumberSketch({ state: read.times.steps }),
  };
  return { rows: read.rows, columns: new Map(columns), times };
}
