import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Perennial } from '@perennial/client';
import { type Platform, startPlatform } from '@perennial/local';
import { openTables } from '@perennial/tables';
import { tempDir } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { said as saidTo } from './person.js';

const dir = tempDir('features');
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

/** A window both ends of which are said, one that hops, a lookup, two encodings and a list. */
const systemYaml = `
apiVersion: perennial/v1
kind: System
name: fares
source: { name: rides, time: at, key: [driver], schema: inferred }
label: { column: fare, task: regression, arrives: { within: 1h } }
features:
  - { name: distance, encode: standard }
  - { name: city, encode: one-hot }
  - { name: ridden, from: distance, window: 1d, offset: 10m, edge: inclusive, as: sum }
  - { name: rides_of_day, from: distance, window: { hopping: 2d, every: 1d }, by: [], as: count }
  - { name: class, lookup: drivers, on: [driver], encode: { target: { prior: 5 rows } } }
  - { name: place, size: 3 }
train: { trainer: linear, on: { window: all }, resources: { pool: cpu } }
gate: { metric: mae, hold-out: { last: 48 rows }, better-than-champion: { by: 5% } }
serve: { pool: cpu, rollout: { shadow: 2 predictions, canary: [50%], step: 3 predictions } }
monitor: { window: 48 rows, drift: { false-alarms: 1 per 1000 windows }, decay: { metric: mae, worse-than: 30% } }
on-decay: alert
risk: { class: minimal }
`;

const count = 600;
const cities = ['Oslo', 'Bergen', 'Voss'];
const driverOf = (i: number) => `d${(i * 7) % 12}`;
const distanceOf = (i: number) => 1 + ((i * 13) % 17);
const at = (i: number) => new Date(Date.UTC(2024, 0, 1) + i * 1_200_000).toISOString();
const placeOf = (i: number) => [(i % 5) / 4, (i % 7) / 8, 0.5];
const fareOf = (i: number, isPlus: boolean) => 3 + distanceOf(i) / 2 + (i % 3) + (isPlus ? 2 : 0);
/** The class of every driver changes on the third of January. */
const classOf = (driver: number, isLater: boolean) =>
  ['basic', 'plus'][(driver + Number(isLater)) % 2] as string;

function writeFiles(): void {
  const write = (name: string, header: string, lines: string[]) =>
    writeFileSync(path.join(dir, name), `${[header, ...lines].join('\n')}\n`);
  const rides = Array.from({ length: count }, (_, i) => i);
  const isPlus = (i: number) => classOf((i * 7) % 12, at(i) >= '2024-01-03') === 'plus';
  write(
    'rides.csv',
    'at,driver,distance,city,place',
    rides.map(
      (i) => `${at(i)},${driverOf(i)},${distanceOf(i)},${cities[i % 3]},"[${placeOf(i).join(', ')}]"`,
    ),
  );
  write(
    'fares.csv',
    'at,driver,fare',
    rides.map((i) => `${at(i)},${driverOf(i)},${fareOf(i, isPlus(i))}`),
  );
  const drivers = Array.from({ length: 12 }, (_, driver) => driver);
  write(
    'drivers.csv',
    'since,driver,class',
    [false, true].flatMap((isLater) =>
      drivers.map((d) => `${isLater ? '2024-01-03' : '2023-12-01'}T00:00:00Z,d${d},${classOf(d, isLater)}`),
    ),
  );
  writeFileSync(path.join(dir, 'system.yaml'), systemYaml);
}

interface Trained {
  readonly [name: string]: unknown;
  readonly _p_event_time: number;
}

test('windows, a lookup, encodings and a list are trained on as they were then, and answered as they were trained on', async () => {
  writeFiles();
  await said('sources', 'add', 'drivers', '--time', 'since', '--key', 'driver');
  await said('rows', 'publish', 'drivers.csv', '--source', 'drivers');
  await said('apply', '-f', 'system.yaml');
  await said('rows', 'publish', 'rides.csv', '--source', 'rides');
  await said('labels', 'publish', 'fares.csv', '--source', 'rides');
  await said('systems', '--wait');

  const [set] = await client.features.trainingSets({ system: 'fares' });
  await said('training-set', 'export', set?.dataset_id as string, '-o', path.join(dir, 'features.parquet'));
  const tables = await openTables({});
  const trained = (await tables.rows('select * from read_parquet($file) order by _p_event_time', {
    file: path.join(dir, 'features.parquet'),
  })) as unknown as Trained[];
  await tables.close();
  expect(trained).toHaveLength(count);
  // Which class a driver had is asked as of the ride, not as of now.
  const classes = (from: number) => [0, 1].map((i) => trained[from + i]?.['class']);
  expect(classes(0)).toEqual([classOf(0, false), classOf(7, false)]);
  expect(classes(count - 12)).toEqual([classOf(0, true), classOf(7, true)]);

  for (const i of [count - 1, count - 7, count - 20]) {
    const asked = { at: at(i), driver: driverOf(i), distance: distanceOf(i), city: cities[i % 3] as string };
    const answer = await client.predict('fares', [{ ...asked, place: placeOf(i) }]);
    const found = answer.predictions[0]?.features as Record<string, unknown>;
    for (const name of ['distance', 'city', 'ridden', 'rides_of_day', 'class']) {
      expect(found[name], `${name} of ${i}`).toEqual(trained[i]?.[name]);
    }
    expect([0, 1, 2].map((n) => found[`place[${n}]`])).toEqual(placeOf(i));
    // The model found how fares are made, of which the mean is 10.
    const fare = fareOf(i, found['class'] === 'plus');
    expect(Math.abs((answer.predictions[0]?.prediction ?? 0) - fare)).toBeLessThan(0.5);
  }
  const last = { at: at(count - 1), driver: driverOf(count - 1), distance: 4, place: placeOf(0) };
  const of = async (city: string | null) =>
    (await client.predict('fares', [{ ...last, city }])).predictions[0]?.prediction;
  expect(await of('Nowhere')).toBe(await of(null));
  expect(await of('Nowhere')).not.toBe(await of('Oslo'));
});
