import { expect, test } from 'vitest';
import { asPlatformError, invalid, unavailable, waitFor } from '../src/mod.js';

test('what we do not know is our fault, and its words stay inside', () => {
  const error = asPlatformError(new Error('password is hunter2'));
  expect(error).toMatchObject({ code: 'INTERNAL', fault: 'us', retry: 'after' });
  expect(error.message).not.toContain('hunter2');
  expect(error.internal).toContain('hunter2');
});

test('what we know stays what it is', () => {
  const known = invalid('ROW_MALFORMED', 'not JSON', { field: 'rows[3]' });
  expect(asPlatformError(known)).toBe(known);
  expect(unavailable('BUS_UNAVAILABLE', 'away')).toMatchObject({ fault: 'dependency', retry: 'after' });
});

test('waiting is for a state: it may be true at once, may become true, and in the end is named', async () => {
  expect(await waitFor('now', () => 7)).toBe(7);
  let looks = 0;
  expect(await waitFor('later', () => ++looks > 3 && looks, { everyMs: 1 })).toBe(4);
  const never = waitFor('the end of days', () => undefined, { withinMs: 5, everyMs: 1 });
  await expect(never).rejects.toThrow('waited 5 ms in vain for: the end of days');
});
