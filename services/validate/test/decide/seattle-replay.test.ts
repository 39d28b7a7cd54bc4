import { expect, test } from 'vitest';
import { judgeSegment, type Knowledge, noKnowledge } from '../../src/rules/judge-segment.js';
import { newcomer } from '../../src/rules/standing.js';
import type { JudgedRow } from '../../src/schema/value.js';
import { inFahrenheit, labelColumns, rowColumns, seattle } from './seattle.js';

const context = { timeColumn: 'date', now: Date.parse('2026-01-01') };
const windowDays = 20;
/** Thousands of replayed windows; a laden machine takes its time. */
const heavyMs = 180_000;

interface Counts {
  windows: number;
  missed: number;
  falseHeld: number;
}

interface Second {
  /** First day on which the second producer may begin. */
  readonly from: string;
  readonly change: (row: JudgedRow) => JudgedRow;
  /** It has sent as much as the first one before. */
  readonly isEstablished?: boolean;
  /** Every so many days a window begins. */
  readonly everyDays?: number;
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

/** A second producer takes over for 20 days at many possible days; the first one returns for as many. */
function replayWindows(
  days: readonly JudgedRow[],
  known: readonly Knowledge[],
  { from, change, isEstablished = false, everyDays = 1 }: Second,
): Counts {
  const counts = { windows: 0, missed: 0, falseHeld: 0 };
  const first = days.findIndex((day) => day.rowId === from);
  for (let start = first; start + windowDays <= days.length; start += everyDays) {
    const before = known[start];
    if (!before) continue;
    counts.windows++;
    const { missed, falseHeld } = replayWindow(days, start, before, { change, isEstablished });
    counts.missed += missed;
    counts.falseHeld += falseHeld;
  }
  return counts;
}

function replayWindow(
  days: readonly JudgedRow[],
  start: number,
  before: Knowledge,
  { change, isEstablished }: Required<Pick<Second, 'change' | 'isEstablished'>>,
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
const fahrenheit = (column: string) => (row: JudgedRow) => inFahrenheit(row, column);

test('no true row and no true label of 2012 to 2015 is held', () => {
  expect(rowsReplay.held).toEqual([]);
  expect(labelsReplay.held).toEqual([]);
});

test(
  'every Fahrenheit row of a second producer is held, wherever its 20 days begin, and no true one after it',
  () => {
    const second = { from: '2012-05-01', change: fahrenheit('temp_min') };
    expect(replayWindows(rows, rowsReplay.known, second)).toEqual({ windows: 1321, missed: 0, falseHeld: 0 });
  },
  heavyMs,
);

test(
  'of an established producer that changes its unit at most one row in five thousand slips through',
  () => {
    const second = { from: '2012-05-01', change: fahrenheit('temp_min'), isEstablished: true };
    const { windows, missed, falseHeld } = replayWindows(rows, rowsReplay.known, second);
    expect(missed).toBeLessThanOrEqual((windows * windowDays) / 5_000);
    expect(falseHeld).toBe(0);
  },
  heavyMs,
);

test(
  'labels in Fahrenheit are held as well, all but one in a thousand',
  () => {
    for (const isEstablished of [false, true]) {
      const second = { from: '2012-05-01', change: fahrenheit('temp_max'), isEstablished, everyDays: 3 };
      const { windows, missed, falseHeld } = replayWindows(labels, labelsReplay.known, second);
      expect(missed).toBeLessThanOrEqual((windows * windowDays) / 1_000);
      expect(falseHeld).toBe(0);
    }
  },
  heavyMs,
);

test(
  'an honest second producer is not held, wherever it begins',
  () => {
    for (const [days, { known }] of [
      [rows, rowsReplay],
      [labels, labelsReplay],
    ] as const) {
      const second = { from: '2012-04-01', change: (row: JudgedRow) => row, everyDays: 3 };
      expect(replayWindows(days, known, second)).toMatchObject({ missed: 0, falseHeld: 0 });
    }
  },
  heavyMs,
);
