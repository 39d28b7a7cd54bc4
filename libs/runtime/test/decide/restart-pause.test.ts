import { expect, test } from 'vitest';
import { RestartPause } from '../../src/decide/restart-pause.js';

test('what ends before it did anything is started again with longer and longer pauses, until one works', () => {
  const pause = new RestartPause();
  expect([1, 2, 3, 4, 5, 6].map(() => pause.after(false))).toEqual([0, 0, 0, 100, 200, 400]);
  for (let at = 0; at < 50; at++) expect(pause.after(false)).toBeLessThanOrEqual(5_000);
  expect([pause.after(true), pause.after(false)]).toEqual([0, 0]);
});
