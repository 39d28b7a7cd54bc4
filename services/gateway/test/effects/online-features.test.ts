import type { JsonObject } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { GetOnlineResponseSchema } from '@perennial/contracts';
import { PlatformError } from '@perennial/kernel';
import { expect, test } from 'vitest';
import { onlineFeatures } from '../../src/effects/online-features.js';

/** Featurize, whose calls fail as a whole wherever they hold a row that it cannot read. */
function featurize() {
  const calls: number[] = [];
  const getOnline = async ({ rows = [] }: { rows?: JsonObject[] }) => {
    calls.push(rows.length);
    if (rows.some((row) => row['poison'] === true))
      throw new PlatformError('RPC_FAILED', 'us', 'after', 'featurize failed; see the log');
    return create(GetOnlineResponseSchema, { rows: rows.map((features) => ({ features, provided: [] })) });
  };
  return { calls, features: onlineFeatures({ getOnline } as never) };
}

test('rows that featurize fails at do not fail those of others that travel with them', async () => {
  const { calls, features } = featurize();
  const deadlineAt = performance.now() + 1_000;
  const poisoned = features('heat', [{ poison: true }], deadlineAt);
  const good = [1, 2, 3].map((outside) => features('heat', [{ outside }], deadlineAt));
  expect((await Promise.all(good)).map(([row]) => row?.features)).toEqual([
    { outside: 1 },
    { outside: 2 },
    { outside: 3 },
  ]);
  // Nothing but the first call held them together: they were not kept waiting until the other one gave up.
  expect(calls.slice(0, 5)).toEqual([4, 1, 1, 1, 1]);
  await expect(poisoned).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
});
