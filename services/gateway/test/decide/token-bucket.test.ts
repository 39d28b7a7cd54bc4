import { expect, test } from 'vitest';
import { type Bucket, filled, take, untilNextDay, useOfDay } from '../../src/decide/token-bucket.js';

const rate = { perSecond: 10, burst: 3 };

/** Takes at each of these times, from a full bucket on; the waits. */
function waits(...times: number[]): number[] {
  let bucket: Bucket | undefined;
  return times.map((now) => {
    const taken = take(bucket, rate, now);
    bucket = taken.bucket;
    return taken.waitMs;
  });
}

test('a burst is let through at once, then one for each share of a second', () => {
  expect(waits(0, 0, 0, 0, 100, 100, 250)).toEqual([0, 0, 0, 100, 0, 100, 0]);
});

test('a refused request takes nothing, so that asking on does not lengthen the wait', () => {
  expect(waits(0, 0, 0, 50, 50, 50, 75, 100)).toEqual([0, 0, 0, 50, 50, 50, 25, 0]);
});

test('over any time no more come through than burst and rate together', () => {
  const seconds = 20;
  const times = Array.from({ length: seconds * 1_000 }, (_, at) => at);
  const let_through = waits(...times).filter((wait) => wait === 0).length;
  expect(let_through).toBeGreaterThanOrEqual(rate.perSecond * seconds);
  expect(let_through).toBeLessThanOrEqual(rate.perSecond * seconds + rate.burst);
});

test('a clock that goes back fills nothing', () => {
  expect(filled({ tokens: 1, at: 5_000 }, rate, 1_000)).toEqual({ tokens: 1, at: 1_000 });
});

test('a day begins at midnight UTC, with nothing used', () => {
  const day = 86_400_000;
  const use = { ...useOfDay(undefined, day - 1), used: 7 };
  expect(useOfDay(use, day - 1).used).toBe(7);
  expect(useOfDay(use, day)).toEqual({ day: 1, used: 0 });
  expect(untilNextDay(day - 1)).toBe(1);
});
