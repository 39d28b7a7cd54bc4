import { waitFor } from '@perennial/testkit';
import { expect, test } from 'vitest';
import { BodyWatch } from '../../src/http/body-watch.js';

test('a body that does not end in time is told once, one that ended never, and later ones are watched as well', async () => {
  const watch = new BodyWatch();
  const told: string[] = [];
  const body = (name: string, inMs: number) => ({
    deadlineAt: performance.now() + inMs,
    late: () => void told.push(name),
  });
  const whole = body('whole', 0);
  watch.add(body('slow', 0));
  watch.add(whole);
  watch.remove(whole);
  await waitFor('the slow one', () => told.length > 0);
  watch.add(body('second', 30));
  await waitFor('the second', () => told.length > 1);
  expect(told).toEqual(['slow', 'second']);
});
