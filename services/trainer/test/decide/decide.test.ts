import { invalid, PlatformError, unavailable } from '@perennial/kernel';
import { describe, expect, test } from 'vitest';
import { afterFailure, givenUpAt } from '../../src/decide/after-failure.js';
import { baselinesOf } from '../../src/decide/baselines.js';
import { readDatasetManifest } from '../../src/decide/dataset-manifest.js';
import { goldenColumns, goldenRequests, goldenRowsOf } from '../../src/decide/golden-rows.js';
import { trainerLimits } from '../../src/decide/limits.js';
import { profileOf } from '../../src/decide/profile.js';
import { slicesOf } from '../../src/decide/slices.js';

const of = (...values: number[]) => Float64Array.from(values);

test('a profile tells quantiles, moments and what was missing; infinite values are missing', () => {
  const profile = profileOf(of(4, Number.NaN, 0, 1, 3, 2, Infinity, Number.NaN));
  if (profile.kind !== 'number') throw new Error('a number was profiled');
  expect(profile.quantiles).toHaveLength(101);
  expect([0, 10, 50, 100].map((percent) => profile.quantiles[percent])).toEqual([0, 0.4, 2, 4]);
  expect(profile).toMatchObject({ mean: 2, missing: 3 / 8 });
  expect(profile.sd).toBeCloseTo(Math.sqrt(2.5));
  expect(profileOf(['a', 'b', '', 'a'])).toEqual({ kind: 'text', counts: { a: 2, b: 1 }, missing: 0.25 });
  expect(profileOf(of(Number.NaN))).toMatchObject({ quantiles: [], mean: 0, sd: 0, missing: 1 });
});

test('the last value is the latest label that had arrived by then', () => {
  const training = { eventTime: of(0, 10), label: of(1, 3) };
  const holdout = { eventTime: of(15, 20, 30, 35), label: of(5, 7, 9, 11) };
  const [constant, last] = baselinesOf('regression', training, holdout, 10);
  expect(constant?.predicted).toEqual(of(2, 2, 2, 2));
  expect(last?.predicted).toEqual(of(1, 3, 7, 7));
  expect(baselinesOf('regression', training, holdout, 99)[1]?.predicted).toEqual(of(2, 2, 2, 2));
  expect(baselinesOf('classification', training, holdout, 10)).toHaveLength(1);
});

test('golden rows are spread from the first to the last; missing and infinite values are asked as null', () => {
  expect(goldenRowsOf(100)).toHaveLength(16);
  expect(goldenRowsOf(100).at(-1)).toBe(99);
  expect(goldenRowsOf(3)).toEqual([0, 1, 2]);
  expect(goldenRowsOf(1)).toEqual([0]);
  expect(goldenRowsOf(0)).toEqual([]);
  const asked = goldenColumns({ x: of(1, Infinity, Number.NaN), city: ['a', '', 'c'] }, [0, 1, 2]);
  expect(goldenRequests(asked, of(7, 8, 9))).toEqual([
    { inputs: { x: 1, city: 'a' }, output: 7 },
    { inputs: { x: null, city: null }, output: 8 },
    { inputs: { x: null, city: 'c' }, output: 9 },
  ]);
});

test('slices are the values with rows enough, the largest first', () => {
  expect(slicesOf(of(1, 2, 1, Number.NaN, Number.NaN, 1), 2)).toEqual([
    { value: '1', rows: Uint32Array.of(0, 2, 5) },
    { value: 'missing', rows: Uint32Array.of(3, 4) },
  ]);
});

describe('after a failure', () => {
  const chance = new PlatformError('X', 'us', 'after', 'why');
  test('what cannot change is not tried again', () => {
    const after = afterFailure(invalid('BAD', 'why'), 1);
    expect(after).toEqual({ next: 'fail', reason: 'BAD: why' });
  });
  test('the rest is tried a small number of times, with growing pauses', () => {
    expect(afterFailure(chance, 1)).toEqual({ next: 'retry', delayMs: 1_000 });
    expect(afterFailure(chance, 2)).toEqual({ next: 'retry', delayMs: 2_000 });
    expect(afterFailure(chance, 3)).toMatchObject({
      next: 'fail',
      reason: expect.stringContaining('X: why'),
    });
  });
  test('a dependency is waited for, up to the bound on attempts', () => {
    expect(afterFailure(unavailable('AWAY', 'why'), 9)).toEqual({ next: 'retry', delayMs: 60_000 });
    expect(givenUpAt(trainerLimits.attemptsMax, '')).toBeUndefined();
    expect(givenUpAt(trainerLimits.attemptsMax + 1, 'AWAY: why')).toContain('AWAY: why');
  });
});

test('a dataset manifest that cannot be used is refused for good', () => {
  const good = { kind: 'perennial/dataset-manifest/v1', features: ['a'], label: 'b' };
  expect(readDatasetManifest(JSON.stringify(good))).toEqual({ features: ['a'], label: 'b' });
  for (const bad of ['', 'null', '{}', ...[{ kind: 'x' }, { features: [] }, { label: '' }].map(changed)]) {
    expect(() => readDatasetManifest(bad)).toThrow(expect.objectContaining({ retry: 'never' }));
  }
  function changed(change: object): string {
    return JSON.stringify({ ...good, ...change });
  }
});
