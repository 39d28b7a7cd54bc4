import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type ErasureAnswer, type GarbageAnswer, Perennial } from '@perennial/client';
import { type Platform, startPlatform } from '@perennial/local';
import { tempDir, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { said as saidTo } from './person.js';

const dir = tempDir('erasure');
let platform: Platform;
let client: Perennial;

beforeAll(async () => {
  platform = await startPlatform({ dataDir: path.join(dir, 'data') });
  client = new Perennial({ url: platform.urls.http, token: platform.token });
});
afterAll(async () => {
  await platform?.stop();
});

const said = (...words: string[]) => saidTo(platform, dir, words);

const asked = async <T>(...args: string[]) => JSON.parse(await said(...args, '--json')) as T;

const systemYaml = `
apiVersion: perennial/v1
kind: System
name: fares
source: { name: rides, time: at, key: [passenger], schema: inferred }
label: { column: fare, task: regression, arrives: { within: 1h } }
features:
  - { name: distance }
  - { name: ridden, from: distance, window: 7d, by: [passenger], as: sum }
train: { trainer: gbdt, on: { window: all }, resources: { pool: cpu } }
gate: { metric: mae, hold-out: { last: 48 rows }, better-than-champion: { by: 5% } }
serve: { pool: cpu, rollout: { shadow: 2 predictions, canary: [50%], step: 3 predictions } }
monitor: { window: 48 rows, drift: { false-alarms: 1 per 1000 windows }, decay: { metric: mae, worse-than: 30% } }
on-decay: retrain
risk: { class: minimal }
`;

/** Rides of thirty passengers, one every ten minutes; the one who wants to be forgotten is 9007. */
function writeRides(): void {
  const passenger = (i: number) => 9_001 + ((i * 7) % 30);
  const distance = (i: number) => 1 + ((i * 13) % 17);
  const at = (i: number) => new Date(Date.UTC(2024, 0, 1) + i * 600_000).toISOString();
  for (let part = 0; part < 3; part++) {
    const rows = Array.from({ length: 300 }, (_, i) => i + part * 300);
    const file = (name: string, header: string, line: (i: number) => string) =>
      writeFileSync(path.join(dir, `${name}-${part}.csv`), `${[header, ...rows.map(line)].join('\n')}\n`);
    file('rows', 'at,passenger,distance', (i) => `${at(i)},${passenger(i)},${distance(i)}`);
    file('labels', 'at,passenger,fare', (i) => `${at(i)},${passenger(i)},${3 + 2 * distance(i)}`);
  }
}

async function exportedLines(name: string, ...args: string[]): Promise<string[]> {
  await said('dataset', 'export', ...args, '-o', path.join(dir, name));
  return readFileSync(path.join(dir, name), 'utf8').trim().split('\n');
}

test('files come in by a pattern, a version of them is exported, and what is erased of one passenger is gone everywhere', async () => {
  writeRides();
  writeFileSync(path.join(dir, 'system.yaml'), systemYaml);
  await said('apply', '-f', 'system.yaml');
  expect(await said('rows', 'publish', 'rows-*.csv', '--source', 'rides')).toContain('900 rows taken');
  expect(await said('labels', 'publish', 'labels-*.csv', '--source', 'rides')).toContain('900 labels taken');
  await said('systems', '--wait');
  const list = await said('dataset', 'list');
  expect(list).toContain('rides@v');
  const before = await exportedLines('before.csv', 'rides');
  expect(before).toHaveLength(901);
  expect(before.filter((line) => line.includes('9007'))).toHaveLength(30);

  const garbage = await asked<GarbageAnswer>('gc', '--dry-run', '--grace', '1s');
  expect(garbage.asked).toEqual(
    expect.arrayContaining(['audit', 'featurize', 'registry', 'trainer', 'validate']),
  );

  const dry = await asked<ErasureAnswer>('erase', '--key', 'passenger=9007', '--dry-run');
  expect(dry.places.map(({ what }) => what)).toEqual(expect.arrayContaining(['segment', 'training set']));
  expect(await exportedLines('dry.csv', 'rides')).toEqual(before);

  const done = await asked<ErasureAnswer>('erase', '--key', 'passenger=9007');
  expect(done.models).toMatchObject([{ model: 'fares', version: 1 }]);
  expect(done.places.map(({ what, name }) => `${what}: ${name}`).join('\n')).toMatch(/training set: sha256/);
  const after = await exportedLines('after.csv', 'rides');
  expect(after).toEqual(before.filter((line) => !line.includes('9007')));
  expect(await exportedLines('old.csv', 'rides@v1')).not.toContain('9007');
  expect(await said('erase', '--key', 'passenger=9007')).toContain('nothing that is kept has this key');
  expect(await said('erasures')).toContain('done');

  // What others learned from is whole: the model answers, garbage takes nothing that is needed, training goes on.
  await said('gc', '--grace', '1s');
  expect(await exportedLines('kept.csv', 'rides')).toEqual(after);
  expect(existsSync(path.join(dir, 'rides-v1.parquet'))).toBe(false);
  const row = { at: '2024-01-10T00:00:00Z', passenger: 9008, distance: 5 };
  expect((await client.predict('fares', [row])).predictions).toHaveLength(1);
  await said('retrain', 'fares', '--reason', 'rows were erased');
  await waitFor('a second training set', async () => {
    const { datasets } = await client.call<{ datasets: { training_rows?: number }[] }>(
      'GET',
      '/v1/systems/fares/datasets',
    );
    return datasets.length === 2 && datasets.some(({ training_rows }) => training_rows === 870 - 48);
  });
});
