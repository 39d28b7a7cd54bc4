import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judgeDecay } from '../../src/decide/decay.js';
import { metricOf } from '../../src/decide/metric.js';
import type { HeldRows, LabelledRow } from '../../src/decide/model.js';
import { isLookDue, type WatchInput, watchRows } from '../../src/decide/watch.js';
import { dayMs, days, row, settings, start, watch } from './rows.js';

const idle = { isInFlight: false, endedReviewIds: [] };

function input(rows: LabelledRow[], more: Partial<WatchInput> = {}): WatchInput {
  return {
    settings,
    watch: watch(),
    reference: undefined,
    baseline: 1,
    before: [],
    rows,
    formerly: [],
    held: [],
    rollout: idle,
    ...more,
  };
}

const held = (day: number, rows: number, rule: string): HeldRows => ({
  quarantineId: `q${day}`,
  producer: 'garden-station',
  rows,
  eventTimeMin: start + day * dayMs,
  eventTimeMax: start + day * dayMs,
  findings: [
    {
      rule,
      column: 'temp_min',
      producer: 'garden-station',
      suspectedCause: 'Fahrenheit sent where Celsius was',
      evidence: '',
    },
  ],
});

describe('decay', () => {
  test('a window within the allowance is none, one beyond it is, and one bad row in a small window is not', () => {
    expect(judgeDecay(settings, days(0, 10, 1.2), 1).decayed).toBe(false);
    expect(judgeDecay(settings, days(0, 10, 1.4), 1).decayed).toBe(true);
    const oneBad = [...days(0, 9, 0.9), row(9, 9)];
    expect(metricOf('mae', oneBad)).toBeGreaterThan(1.3);
    expect(judgeDecay(settings, oneBad, 1).decayed).toBe(false);
  });

  test('where more is better the loss is what is missing to 1', () => {
    const scored = (wrong: number) =>
      Array.from({ length: 100 }, (_, at) => ({ label: 1, answer: (at * 37) % 100 < wrong ? 0 : 1 }));
    const of = { metric: 'accuracy', worseThan: 0.3 };
    expect(judgeDecay(of, scored(12), 0.9).decayed).toBe(false);
    expect(judgeDecay(of, scored(25), 0.9).decayed).toBe(true);
  });

  test('a metric that is not defined over the window is no decay', () => {
    const oneClass = Array.from({ length: 10 }, () => ({ label: 1, answer: 0.4 }));
    expect(judgeDecay({ metric: 'auc', worseThan: 0.05 }, oneClass, 0.7).decayed).toBe(false);
  });
});

describe('watching', () => {
  test('each full window is reported once; decay is seen between them, as soon as it is there', () => {
    const good = watchRows(input(days(0, 25, 1)));
    expect(good.reports.map(({ windowRows, to }) => [windowRows, (to - start) / dayMs])).toEqual([
      [10, 9],
      [10, 19],
    ]);
    expect(good.reviews).toEqual([]);
    const bad = watchRows(input([...days(0, 14, 1), ...days(14, 3, 3)]));
    expect(bad.reviews).toHaveLength(1);
    expect(bad.reviews[0]?.dataTime).toBe(start + 16 * dayMs);
    expect(bad.reports.map(({ reportId }) => reportId)).toContain(bad.reviews[0]?.reportId);
  });

  test('rows in any batches give the same reports and reviews under the same ids', () => {
    const rows = [...days(0, 12, 1), ...days(12, 20, 3), ...days(32, 8, 1)];
    const whole = watchRows(input(rows));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 40, maxLength: 40 }), (sizes) => {
        let at = 0;
        let state = watch();
        const reports = [];
        const reviews = [];
        for (const size of sizes) {
          const part = watchRows(
            input(rows.slice(at, at + size), { watch: state, before: rows.slice(0, at) }),
          );
          at += size;
          state = part.watch;
          reports.push(...part.reports);
          reviews.push(...part.reviews);
        }
        expect({ watch: state, reports, reviews }).toEqual(whole);
      }),
      { numRuns: 30 },
    );
    expect(new Set(whole.reviews.map(({ reviewId }) => reviewId)).size).toBe(whole.reviews.length);
  });

  test('a row that comes late takes its place in the window and gives no id twice', () => {
    const rows = days(0, 12, 1);
    const [late] = rows.splice(4, 1) as [LabelledRow];
    const first = watchRows(input(rows));
    const then = watchRows(input([late, ...days(12, 8, 1)], { watch: first.watch, before: rows }));
    const inOrder = watchRows(input(days(0, 20, 1)));
    expect(then.watch).toEqual(inOrder.watch);
    expect(then.reports.at(-1)).toEqual(inOrder.reports.at(-1));
  });

  test('a look is due in every window, and for each row of a small one', () => {
    expect(isLookDue(10, 0, 9)).toBe(false);
    expect(isLookDue(10, 9, 1)).toBe(true);
    expect(isLookDue(10, 10, 1)).toBe(true);
    expect(isLookDue(1000, 1000, 49)).toBe(false);
    expect(isLookDue(1000, 1000, 50)).toBe(true);
  });

  test('after a changed world it waits: for the rollout, half a window after one that failed, a whole one without', () => {
    const bad = days(0, 10, 3);
    const first = watchRows(input(bad));
    const reviewId = first.reviews[0]?.reviewId as string;
    const next = (count: number, rollout: WatchInput['rollout']) =>
      watchRows(input(days(10, count, 3), { watch: first.watch, before: bad, rollout })).reviews.length;
    expect(next(30, { isInFlight: true, endedReviewIds: [] })).toBe(0);
    expect(next(4, { isInFlight: false, endedReviewIds: [reviewId] })).toBe(0);
    expect(next(5, { isInFlight: false, endedReviewIds: [reviewId] })).toBe(1);
    expect(next(9, idle)).toBe(0);
    expect(next(10, idle)).toBe(1);
  });

  test('a new reign starts afresh: nothing before a full window, other ids', () => {
    const old = watchRows(input(days(0, 10, 3)));
    const fresh = watchRows(input(days(10, 9, 3), { watch: watch(2, 5) }));
    expect(fresh.reviews).toEqual([]);
    const full = watchRows(input(days(10, 10, 3), { watch: watch(2, 5) }));
    expect(full.reviews).toHaveLength(1);
    expect(full.reviews[0]?.reviewId).not.toBe(old.reviews[0]?.reviewId);
  });

  test('without an evaluation of this metric the first window is the baseline', () => {
    const watched = watchRows(input([...days(0, 10, 2), ...days(10, 10, 4)], { baseline: undefined }));
    expect(watched.watch.ownBaseline).toBe(2);
    expect(watched.reviews[0]?.evidence[0]).toMatch(/worse than 2 at promotion/);
  });
});

describe('the review', () => {
  const verdict = (rows: LabelledRow[], more: Partial<WatchInput> = {}) =>
    watchRows(input(rows, more)).reviews[0];

  test('held rows of a suspected unit change in the window are broken data, with column and producer', () => {
    const found = verdict(days(0, 10, 3), { held: [held(9, 1, 'unit-change')] });
    expect(found?.verdict).toBe('DATA_BROKEN');
    expect(found?.evidence.join('\n')).toMatch(
      /1 row of weather from garden-station .*unit-change in temp_min, Fahrenheit/,
    );
  });

  test('one outlier held back does not stop it, two of twelve rows do; rows held at another time do not', () => {
    expect(verdict(days(0, 10, 3), { held: [held(3, 1, 'range')] })?.verdict).toBe('WORLD_CHANGED');
    expect(verdict(days(0, 10, 3), { held: [held(3, 2, 'range')] })?.verdict).toBe('DATA_BROKEN');
    expect(verdict(days(0, 10, 3), { held: [held(40, 9, 'unit-change')] })?.verdict).toBe('WORLD_CHANGED');
  });

  test('a changed world is told with its numbers: how much worse, to which side', () => {
    const leaning = Array.from({ length: 10 }, (_, at) => row(at, -3 - (at % 2)));
    const found = verdict(leaning);
    expect(found?.verdict).toBe('WORLD_CHANGED');
    expect(found?.evidence[0]).toBe(
      'mae over the 10 labelled rows of 2012-04-01 to 2012-04-10 is 3.5, 250 % worse than 1 at promotion (p < 0.0001)',
    );
    expect(found?.evidence.join('\n')).toMatch(/answers are too low by 3\.5 on average, in 10 of 10 rows/);
  });

  test('a decay that hangs on one row, with nothing else, is no change', () => {
    const found = verdict([...days(0, 9, 1.29), row(9, 1.5)], { baseline: 1 });
    expect(found?.verdict).toBe('NO_CHANGE');
    expect(found?.evidence.join('\n')).toMatch(/one row explains it/);
  });
});
