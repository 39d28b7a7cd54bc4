import { expect, test } from 'vitest';
import { Largest } from '../../../src/fleet/decide/largest.js';
import { Pace } from '../../../src/fleet/decide/pace.js';

const full = { rows: 32, rowsMax: 256, slots: 2, freeInMs: 0 };

test('a wait is what full messages ahead take, as many at once as there are slots, and its own', () => {
  const pace = new Pace();
  for (let at = 0; at < 50; at++) for (const rows of [32, 128, 256]) pace.answered(rows, 2 + rows / 32);
  expect(pace.messageMs(256)).toBeCloseTo(10, 1);
  expect(pace.expectedMs({ ...full, rowsAhead: 0 })).toBeCloseTo(3, 1);
  expect(pace.expectedMs({ ...full, rowsAhead: 224 })).toBeCloseTo(10, 1);
  expect(pace.expectedMs({ ...full, rowsAhead: 1_024, freeInMs: 4 })).toBeCloseTo(4 + (4 * 10) / 2 + 3, 1);
});

test('where nothing is known yet everything is in time', () => {
  const pace = new Pace();
  expect(pace.isInTime(pace.expectedMs({ ...full, rowsAhead: 30_000 }), 1)).toBe(true);
});

test('answers that come later than expected leave room for as much, and the room goes when they are on time again', () => {
  const pace = new Pace();
  expect(pace.isInTime(100, 100)).toBe(true);
  for (let at = 0; at < 100; at++) pace.held(10, 60);
  expect(pace.isInTime(100, 140)).toBe(false);
  expect(pace.isInTime(100, 155)).toBe(true);
  // Never more than half of what is left.
  expect(pace.isInTime(30, 60)).toBe(true);
  expect(pace.isInTime(31, 60)).toBe(false);
  for (let at = 0; at < 100; at++) pace.held(100, 100);
  expect(pace.isInTime(100, 101)).toBe(true);
});

test('the largest of a window is forgotten after two of them', () => {
  const largest = new Largest(1_000);
  expect(largest.value).toBe(Number.NEGATIVE_INFINITY);
  largest.add(50, 0);
  largest.add(10, 500);
  expect(largest.value).toBe(50);
  largest.add(10, 1_100);
  expect(largest.value).toBe(50);
  largest.add(10, 2_200);
  expect(largest.value).toBe(10);
  largest.add(5, 10_000);
  expect(largest.value).toBe(5);
});
