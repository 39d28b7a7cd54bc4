import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fixedClock, uuidv5, uuidv7, uuidv7Millis } from '../src/mod.js';

test('ids made one after the other sort in that order, also when the clock stands still or goes back', () => {
  const clock = fixedClock(1_700_000_000_000);
  const ids: string[] = [];
  for (let i = 0; i < 10_000; i++) {
    if (i === 5_000) clock.set(1_600_000_000_000);
    ids.push(uuidv7(clock));
  }
  expect([...ids].sort()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
});

test('an id is a UUID of version 7 that tells its millisecond', () => {
  const now = Date.UTC(2999, 0, 1);
  const id = uuidv7(fixedClock(now));
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(uuidv7Millis(id)).toBe(now);
});

test('a derived id is the same for the same parts, and another one for other parts or other cuts of them', () => {
  expect(uuidv5('segment', 'weather')).toBe(uuidv5('segment', 'weather'));
  expect(uuidv5('a', 'bc')).not.toBe(uuidv5('ab', 'c'));
  expect(uuidv5('a,1:b')).not.toBe(uuidv5('a', 'b'));
  fc.assert(
    fc.property(fc.array(fc.string()), fc.array(fc.string()), (some, other) => {
      expect(uuidv5(...some) === uuidv5(...other)).toBe(JSON.stringify(some) === JSON.stringify(other));
    }),
  );
});
