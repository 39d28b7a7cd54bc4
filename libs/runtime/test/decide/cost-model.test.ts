import { describe, expect, test } from 'vitest';
import { answerInUs } from '../../src/decide/admission.js';
import { rowsMaxOf, rowsToTake } from '../../src/decide/batch-rows.js';
import { CostModel } from '../../src/decide/cost-model.js';
import { Hold } from '../../src/decide/hold.js';
import { RowLimit } from '../../src/decide/row-limit.js';

/** Numbers between 0 and 1 that look random and are the same each time. */
function noise(seed: number) {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

const costOf = (a: number, b: number) =>
  new CostModel([1, 8, 32, 128].map((rows) => ({ rows, microseconds: a + b * rows })));

describe('what a batch costs', () => {
  test('is learned from noisy runs of any size, and anew when the machine changes', () => {
    const cost = costOf(60, 1.3);
    const random = noise(7);
    const learn = (a: number, b: number) => {
      for (let run = 0; run < 400; run++) {
        const rows = 1 + Math.floor(random() ** 3 * 400);
        cost.observe(rows, (a + b * rows) * (0.9 + 0.2 * random()));
      }
    };
    learn(60, 1.3);
    for (const rows of [1, 30, 400])
      expect(Math.abs(cost.predict(rows) / (60 + 1.3 * rows) - 1)).toBeLessThan(0.1);
    learn(240, 2.6);
    for (const rows of [1, 30, 400])
      expect(Math.abs(cost.predict(rows) / (240 + 2.6 * rows) - 1)).toBeLessThan(0.15);
  });

  test('is not spoilt by a pause, and survives a model that is only ever asked single rows', () => {
    const cost = costOf(60, 1.3);
    for (let run = 0; run < 5_000; run++) cost.observe(1, 61.3);
    cost.observe(1, 50_000);
    expect(cost.predict(1)).toBeLessThan(150);
    for (let run = 0; run < 100; run++) cost.observe(1 + (run % 64), 60 + 1.3 * (1 + (run % 64)));
    expect(Math.abs(cost.predict(64) / (60 + 1.3 * 64) - 1)).toBeLessThan(0.05);
  });

  test('keeps its two parts apart where all batches are of one size, and follows a slower machine', () => {
    const random = noise(3);
    const cost = costOf(60, 1.3);
    for (let run = 0; run < 20_000; run++) cost.observe(16, (60 + 1.3 * 16) * (0.7 + 0.6 * random()));
    expect(Math.abs(cost.predict(1) / 61.3 - 1)).toBeLessThan(0.2);
    expect(Math.abs(cost.predict(128) / (60 + 1.3 * 128) - 1)).toBeLessThan(0.2);
    for (let run = 0; run < 1_000; run++) cost.observe(16, 3 * (60 + 1.3 * 16));
    expect(Math.abs(cost.predict(128) / (3 * (60 + 1.3 * 128)) - 1)).toBeLessThan(0.2);
  });

  test('bounds a run at ten times a single row, half of what is allowed, and the budget', () => {
    const o = { cap: 4096, allowedUs: 1e6, budgetUs: Number.POSITIVE_INFINITY };
    expect(rowsMaxOf(costOf(12, 0.12), o)).toBeCloseTo(910, -1);
    expect(rowsMaxOf(costOf(12, 0.12), { ...o, budgetUs: 36.1 })).toBeCloseTo(200, -1);
    expect(rowsMaxOf(costOf(0, 2_000), { ...o, allowedUs: 8_000 })).toBe(2);
    expect(rowsMaxOf(costOf(0, 50_000), { ...o, budgetUs: 1_000 })).toBe(1);
    expect(rowsMaxOf(new CostModel(), o)).toBe(4096);
    expect([rowsToTake(40, 100, [8, 32]), rowsToTake(7, 100, [8, 32]), rowsToTake(40, 16, [8, 32])]).toEqual([
      32, 100, 8,
    ]);
  });
});

describe('a request is let in', () => {
  const cost = costOf(1_000, 10);
  const alone = { rows: 10, rowsPerSecond: 0, rowsAhead: 0, rowsMax: 100, slots: 1, freeInUs: 0, others: [] };

  test('by what is ahead of it, and other models only as far as they take turns with it', () => {
    expect(Math.round(answerInUs(cost, alone))).toBe(1_100);
    expect(Math.round(answerInUs(cost, { ...alone, rowsAhead: 200, freeInUs: 500 }))).toBe(5_600);
    expect(Math.round(answerInUs(cost, { ...alone, rowsAhead: 200, slots: 2 }))).toBe(3_100);
    expect(Math.round(answerInUs(cost, { ...alone, rowsAhead: 50 }))).toBe(1_600);
    // 4 ms of waiting bring 40 rows more into its batch; no more than fit.
    const busy = { ...alone, rowsAhead: 200, rowsPerSecond: 10_000 };
    expect(Math.round(answerInUs(cost, busy))).toBe(5_500);
    expect(Math.round(answerInUs(cost, { ...busy, rowsPerSecond: 1e9 }))).toBe(6_000);
    expect(Math.round(answerInUs(cost, { ...alone, freeInUs: 500, others: [1e9, 100] }))).toBe(2_800);
  });

  test('as long as answers come as predicted; a slower machine lets in less, and a recovered one all again', () => {
    const limit = new RowLimit();
    const answer = (tookUs: number) =>
      limit.answered({ tookUs, predictedUs: 10_000, rowsInHand: 900, ceiling: 1_000 });
    for (let run = 0; run < 50; run++) answer(20_000);
    expect(limit.rows(20, 1_000)).toBe(1_000);
    for (let run = 0; run < 100; run++) answer(200_000);
    expect(limit.rows(20, 1_000)).toBe(20);
    for (let run = 0; run < 400; run++) answer(9_000);
    expect(limit.rows(20, 1_000)).toBeGreaterThan(500);
  });
});

describe('a hold', () => {
  /** Runs of S = 4000 + 100 n back to back or with pauses, each ending as `utilisation` says. */
  const holdAfter = (utilisation: number, a = 4_000) => {
    const hold = new Hold();
    for (let now = 0; now < 2_000; now += 5) hold.ran({ now, utilisation, a });
    return (rows: number, slackUs = Number.POSITIVE_INFINITY) => hold.budgetUs({ a, b: 100, rows, slackUs });
  };

  test('is none while executors have time, and at most twice what a run costs by itself', () => {
    expect(holdAfter(0.6)(1)).toBe(0);
    expect(holdAfter(0.99)(1)).toBe(8_000);
  });

  test('gives way to a deadline, to enough rows, and to models so fast that a timer costs more', () => {
    expect(holdAfter(0.99)(1, 4_000)).toBe(2_000);
    expect(holdAfter(0.99)(1, 100)).toBe(0);
    expect(holdAfter(0.99)(160)).toBe(0);
    expect(holdAfter(0.99, 200)(1)).toBe(0);
  });
});
