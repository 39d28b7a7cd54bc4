import { expect, test } from 'vitest';
import { shownSystem } from '../../src/rpc/shown.js';
import { fresh } from '../decide/states.js';

test('a system without a model says what it waits for', () => {
  expect(shownSystem(fresh, '').activity).toBe(
    'waits for data: 0 rows and 0 labels are verified, a first training needs 60 of each',
  );
});

test.each([
  ['FAILED', 'failed'],
  ['REJECTED', 'was rejected'],
] as const)('a system whose last rollout ended %s without a model says why', (phase, words) => {
  const { activity } = shownSystem(fresh, '', { phase, reason: 'no row has the column "x"' });
  expect(activity).toContain(`the last candidate ${words} (no row has the column "x")`);
});

test('a champion is worth more words than how the last rollout ended', () => {
  const { activity } = shownSystem({ ...fresh, champion: 2 }, '', {
    phase: 'REJECTED',
    reason: 'not better',
  });
  expect(activity).toBe('serves and is watched');
});
