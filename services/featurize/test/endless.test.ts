import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { beginningsMax } from '../src/effects/work-loop.js';
import { House } from './house.js';

let house: House;
beforeAll(async () => {
  house = await House.open();
});
afterAll(() => house?.close());

const dataset = async () => {
  const { rows } = await house.query<{ begun: number; epoch: number; status: string }>(
    'select begun, epoch, status from featurize.dataset',
  );
  return rows[0];
};

it('waiting is no beginning; a training set that killed its process ten times is refused, with the reason', async () => {
  // The system is never applied, so that its training set waits.
  const rolloutId = await house.request('unknown');
  await waitFor(
    'more looks than beginnings',
    async () => ((await dataset())?.epoch ?? 0) > 2 * beginningsMax,
  );
  expect((await dataset())?.begun).toBeLessThanOrEqual(1);
  await house.stop();
  expect(await dataset()).toMatchObject({ begun: 0, status: 'wanted' });
  await house.query(`update featurize.dataset set begun = ${beginningsMax}`);
  await house.start();
  await waitFor('the refusal', () => house.refused.length > 0);
  expect(house.refused).toMatchObject([{ rolloutId, system: 'unknown' }]);
  expect(house.refused[0]?.reason).toMatch(/\(WORK_ENDLESS\): begun 10 times without coming to an end/);
  expect(await dataset()).toMatchObject({ status: 'refused' });
});

it('removes at its start what a killed process left in the temporary folder', async () => {
  await house.stop();
  const { pid } = spawnSync(process.execPath, ['--version']);
  const left = path.join(tmpdir(), `perennial-featurize-${pid}-left`);
  mkdirSync(path.join(left, 'features-x'), { recursive: true });
  writeFileSync(path.join(left, 'features-x', 'part.parquet'), 'half a file');
  await house.start();
  expect(existsSync(left)).toBe(false);
});
