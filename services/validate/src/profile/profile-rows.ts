import type { JudgedRow } from '../schema/value.js';
import { type ColumnSketches, emptySetProfile, type SetProfile } from './set-profile.js';
import { NumberSketch } from './sketches/number-sketch.js';
import { TextSketch } from './sketches/text-sketch.js';
import { addForm, noForms } from './text-forms.js';

/** The profile of few rows, which lie in event-time order. A cell that repeats the event time is its own column's. */
export function profileRows(rows: readonly JudgedRow[]): SetProfile {
  const profile = emptySetProfile();
  const names = new Set(rows.flatMap((row) => Object.keys(row.values)));
  for (const name of names) profile.columns.set(name, profileColumn(name, rows));
  profile.rows = rows.length;
  const times = Float64Array.from(rows, (row) => row.eventTime);
  addTimes(profile, times, times.length, undefined);
  return profile;
}

function profileColumn(name: string, rows: readonly JudgedRow[]): ColumnSketches {
  const column: ColumnSketches = { missing: 0 };
  for (const { values } of rows) {
    const value = values[name];
    if (value === null || value === undefined) column.missing++;
    else if (typeof value === 'number') {
      column.numbers ??= new NumberSketch();
      column.numbers.add(value);
    } else if (typeof value === 'boolean') {
      column.booleans ??= { yes: 0, no: 0 };
      column.booleans[value ? 'yes' : 'no']++;
    } else addText(column, value, 1);
  }
  return column;
}

/** Adds a text that occurs `times` times. */
export function addText(column: ColumnSketches, text: string, times: number): void {
  column.texts ??= new TextSketch();
  column.forms ??= noForms();
  column.texts.add(text, times);
  addForm(column.forms, text, times);
}

/** Adds event times in their order; `last` is the one before them. Returns the last of these. */
export function addTimes(
  { times }: SetProfile,
  values: Float64Array,
  count: number,
  last: number | undefined,
): number | undefined {
  times.sketch.addAll(values, count);
  const steps = new Float64Array(count);
  let [size, before] = [0, last];
  for (let i = 0; i < count; i++) {
    const time = values[i] as number;
    // Rows of one moment are no step, and one that comes late is none forward.
    if (before !== undefined && time > before) steps[size++] = time - before;
    before = time;
  }
  times.steps.addAll(steps, size);
  return before;
}
