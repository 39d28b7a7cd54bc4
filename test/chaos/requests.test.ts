import path from 'node:path';
import type { Submission } from '@perennial/client';
import { type Platform, startPlatform } from '@perennial/local';
import { tempDir, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { days } from './days.js';
import { ShortStory, system } from './short-story.js';

const rowCount = 60_000;
const requestCount = 24;

let platform: Platform;
let story: ShortStory;

beforeAll(async () => {
  platform = await startPlatform({ dataDir: path.join(tempDir('requests'), 'data') });
  story = await ShortStory.begin(platform);
});

afterAll(async () => {
  await story?.close();
  await platform?.stop();
});

/** All features of the model, so that a batch is the work of gateway and inference alone. */
const columns = ['date', 'temp_min', 'wind', 'precipitation', 'season', 'temp_max_yesterday', 'temp_max_7d'];
const rowOf = (at: number) => ['2012-04-01', (at % 37) - 5, at % 11, 0, 1, at % 29, 12.5];
const csv = `${columns.join(',')},n\n${Array.from({ length: rowCount }, (_, at) => `${[...rowOf(at), at].join(',')}\n`).join('')}`;

async function asked<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  return waitFor(what, async () => (await ask().catch(() => undefined)) ?? false, { withinMs: 120_000 });
}

/** Looks until it has ended, through gateways and registries that are killed. */
async function untilEnded({ kind, id }: Submission): Promise<Submission> {
  return waitFor(
    `the ${kind} to end`,
    async () => {
      const now = await story.client.later.look({ kind, id }).catch(() => undefined);
      return now && now.state !== 'queued' && now.state !== 'running' && now;
    },
    { withinMs: 180_000, everyMs: 100 },
  );
}

async function killAndWait(name: string): Promise<void> {
  const before = platform.restarts(name);
  platform.kill(name);
  await waitFor(`${name} to be back`, () => platform.restarts(name) > before, { withinMs: 60_000 });
  await platform.untilReady();
}

test('kill -9 of gateway and registry: a batch ends with every row once, in its order', async () => {
  const { later } = story.client;
  const batch = await later.batch(system, csv, { format: 'csv', idempotencyKey: 'batch-1' });
  const doneAtKills: number[] = [];
  for (const name of ['gateway', 'registry', 'gateway']) {
    const last = doneAtKills.at(-1) ?? 0;
    const now = await asked('progress', async () => {
      const looked = await later.look(batch);
      return looked.rows.done > last ? looked : undefined;
    });
    doneAtKills.push(now.rows.done);
    await killAndWait(name);
  }
  const ended = await untilEnded(batch);
  expect(ended).toMatchObject({ state: 'completed', rows: { total: rowCount, done: rowCount, failed: 0 } });
  // The kills met it on its way, and what was done stayed done.
  expect(doneAtKills.at(-1)).toBeLessThan(rowCount);
  const text = await new Response(await later.result(batch.id)).text();
  const lines = text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(','));
  expect(lines.map((cells) => Number(cells[7]))).toEqual(Array.from({ length: rowCount }, (_, at) => at));
  expect(lines.every((cells) => Number.isFinite(Number(cells[8])) && cells[8] !== '')).toBe(true);
  expect(new Set(lines.map((cells) => cells[11])).size).toBe(rowCount);
  process.stdout.write(`requests: rows done at the kills: ${doneAtKills.join(', ')} of ${rowCount}\n`);
}, 400_000);

test('kill -9 of gateway and registry: each request that was taken has one result, whoever asks how often', async () => {
  const { later } = story.client;
  const row = Object.fromEntries(columns.map((name, at) => [name, rowOf(7)[at] as string | number]));
  const killing = (async () => {
    for (const name of ['gateway', 'registry']) await killAndWait(name);
  })();
  const submissions: Submission[] = [];
  for (let at = 0; at < requestCount; at++) {
    const ask = () =>
      later.request(system, [{ ...row, temp_min: at }], { features: false, idempotencyKey: `request-${at}` });
    submissions.push(await asked('the request to be taken', ask));
    expect((await asked('it to be taken again', ask)).id).toBe(submissions[at]?.id);
  }
  await killing;
  const ended = await Promise.all(submissions.map(untilEnded));
  expect(ended.map(({ state }) => state)).toEqual(ended.map(() => 'completed'));
  const again = await Promise.all(submissions.map((one) => later.look(one)));
  expect(again.map(({ result }) => result)).toEqual(ended.map(({ result }) => result));
}, 300_000);

test('a label that names a prediction alone meets it, and a correction replaces it', async () => {
  const [day] = days('2012-05-01', '2012-05-01');
  if (!day) throw new Error('the data has this day');
  await story.publish('rows', day, day.row);
  const { predictions } = await story.client.predict(system, [{ ...day.row }]);
  const predictionId = predictions[0]?.prediction_id ?? '';
  const error = async () => {
    const { rows } = await story.client.call<{ rows: { month: string; answer: string; value: number }[] }>(
      'GET',
      `/v1/systems/${system}/quality`,
    );
    return rows.find((one) => one.month === '2012-05' && one.answer === 'served')?.value;
  };
  const prediction = predictions[0]?.prediction ?? 0;
  for (const off of [2, 2, 5]) {
    await story.client.label([{ prediction_id: predictionId, value: prediction + off }]);
    await waitFor('the label to be met', async () => Math.abs(((await error()) ?? 0) - off) < 1e-9, {
      withinMs: 60_000,
    });
  }
}, 200_000);
