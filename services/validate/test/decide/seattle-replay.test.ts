import { expect, test } from 'vitest';
import { judgeSegment, type Knowledge, noKnowledge } from '../../src/decide/judge-segment.js';
import { newcomer } from '../../src/decide/standing.js';
import type { JudgedRow } from '../../src/decide/value.js';
import { inFahrenheit, labelColumns, rowColumns, seattle } from './seattle.js';

const context = { timeColumn: 'date', now: Date.parse('2026-01-01') };
const windowDays = 20;

interface Counts {
  windows: number;
  missed: number;
  falseHeld: number;
}

/** History to the end of March 2012 as one segment, then a segment a day; what was known before each day. */
function replayTrue(days: readonly JudgedRow[]): { known: Knowledge[]; held: string[] } {
  const historyEnd = days.findIndex((day) => day.rowId === '2012-04-01');
  let verdict = judgeSegment(days.slice(0, historyEnd), noKnowledge, context);
  const held = verdict.held.map(({ row }) => row.rowId);
  const known: Knowledge[] = [];
  for (const [i, day] of days.entries()) {
    if (i < historyEnd) continue;
    known[i] = verdict.after;
    verdict = judgeSegment([day], verdict.after, context);
    held.push(...verdict.held.map(({ row }) => row.rowId));
  }
  return { known, held };
}

/** A second producer takes over for 20 days at every possible day; the first one returns for as many. */
function replayWindows(
  days: readonly JudgedRow[],
  known: readonly Knowledge[],
  {
    from,
    change,
    secondStanding,
  }: { from: string; change: (row: JudgedRow) => JudgedRow; secondStanding?: boolean },
): Counts {
  const counts = { windows: 0, missed: 0, falseHeld: 0 };
  const first = days.findIndex((day) => day.rowId === from);
  for (let start = first; start + windowDays <= days.length; start++) {
    const before = known[start];
    if (!before) continue;
    counts.windows++;
    const { missed, falseHeld } = replayWindow(days, start, before, change, secondStanding ?? false);
    counts.missed += missed;
    counts.falseHeld += falseHeld;
  }
  return counts;
}

function replayWindow(
  days: readonly JudgedRow[],
  start: number,
  before: Knowledge,
  change: (row: JudgedRow) => JudgedRow,
  isEstablished: boolean,
): { missed: number; falseHeld: number } {
  let knowledge: Knowledge = isEstablished ? before : { ...before, standing: newcomer };
  let missed = 0;
  let falseHeld = 0;
  for (const day of days.slice(start, start + windowDays)) {
    const sent = change(day);
    const verdict = judgeSegment([sent], knowledge, context);
    if (sent === day) falseHeld += verdict.held.length;
    else missed += verdict.good.length;
    knowledge = verdict.after;
  }
  knowledge = { ...knowledge, standing: before.standing };
  for (const day of days.slice(start + windowDays, start + 2 * windowDays)) {
    const verdict = judgeSegment([day], knowledge, context);
    falseHeld += verdict.held.length;
    knowledge = verdict.after;
  }
  return { missed, falseHeld };
}

const rows = seattle(rowColumns);
const labels = seattle(labelColumns);
const rowsReplay = replayTrue(rows);
const labelsReplay = replayTrue(labels);

test('no true row and no true label of 2012 to 2015 is held', () => {
  expect(rowsReplay.held).toEqual([]);
  expect(labelsReplay.held).toEqual([]);
});

test('every Fahrenheit row of a second producer is held, wherever its 20 days begin', () => {
  const change = (row: JudgedRow) => inFahrenheit(row, 'temp_min');
  const counts = replayWindows(rows, rowsReplay.known, { from: '2012-05-01', change });
  console.log('fahrenheit temp_min', counts);
  expect(counts).toMatchObject({ missed: 0, falseHeld: 0 });
});
test('est', () => {
  const change = (row: JudgedRow) => inFahrenheit(row, 'temp_min');
  const counts = replayWindows(rows, rowsReplay.known, { from: '2012-05-01', change, secondStanding: true });
  console.log('fahrenheit established', counts);
});
test('labels F', () => {
  const change = (row: JudgedRow) => inFahrenheit(row, 'temp_max');
  console.log(
    'fahrenheit temp_max',
    replayWindows(labels, labelsReplay.known, { from: '2012-05-01', change }),
  );
  console.log(
    'fahrenheit temp_max est',
    replayWindows(labels, labelsReplay.known, { from: '2012-05-01', change, secondStanding: true }),
  );
});

test('an honest second producer is not held, wherever it begins', () => {
  const change = (row: JudgedRow) => row;
  for (const [days, { known }] of [
    [rows, rowsReplay],
    [labels, labelsReplay],
  ] as const) {
    const counts = replayWindows(days, known, { from: '2012-04-01', change });
    console.log('honest', counts);
    expect(counts).toMatchObject({ missed: 0, falseHeld: 0 });
  }
});
