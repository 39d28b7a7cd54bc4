import { randomUUID } from 'node:crypto';
import type { Digest } from '@perennial/kernel';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verify } from '../datasets/verified.js';
import { type House, openHouse } from '../house.js';
import { type Neighbours, openNeighbours } from '../neighbours.js';

let neighbours: Neighbours;
let house: House;
beforeAll(async () => {
  neighbours = await openNeighbours();
  house = await openHouse({ PERENNIAL_PEERS: neighbours.peers });
});
afterAll(async () => {
  await house?.stop();
  await neighbours?.stop();
});

const put = async (text: string) => (await house.artifacts.put(Buffer.from(text))).digest;
/** Keeps nothing for its youth, whatever the service is set to. */
const collect = (o = {}) => house.datasets.collectGarbage({ graceSeconds: 0, ...o });
const isThere = (digest: string) => house.artifacts.has(digest as Digest);

test('what no service needs is deleted, what one needs is kept with all that it names', async () => {
  const rows = await verify(house, 'flights', [{ id: '1', passenger: 1, fare: 2 }]);
  await house.settled();
  const model = await put('weights');
  const manifest = await put(JSON.stringify({ model, made: randomUUID() }));
  const orphan = await put('nobody wants this');
  neighbours.needs.set('registry', [manifest]);
  const dry = await collect({ dryRun: true });
  expect(dry.largest.map(({ digest }) => digest)).toEqual([orphan]);
  expect(dry.garbageBytes).toBe(17n);
  expect(dry.asked.toSorted()).toEqual([
    'audit',
    'featurize',
    'ingest',
    'monitor',
    'registry',
    'trainer',
    'validate',
  ]);
  expect(await isThere(orphan)).toBe(true);
  const done = await collect();
  expect(done).toMatchObject({ garbage: 1, garbageBytes: 17n });
  expect(await isThere(orphan)).toBe(false);
  for (const kept of [rows, model, manifest]) expect(await isThere(kept)).toBe(true);
});

test('when one service does not say what it needs, nothing is deleted', async () => {
  const orphan = await put('still here');
  neighbours.silent.add('trainer');
  await expect(collect()).rejects.toMatchObject({ code: 'NEEDS_UNKNOWN' });
  expect(await isThere(orphan)).toBe(true);
  neighbours.silent.delete('trainer');
  await collect();
  expect(await isThere(orphan)).toBe(false);
});

test('what was put within the grace period is kept, a day where none is asked for; a period of zero is none', async () => {
  const orphan = await put('just arrived');
  const asked = await house.datasets.collectGarbage({ graceSeconds: 3_600 });
  expect(asked).toMatchObject({ garbage: 0, young: 1, youngBytes: 12n, graceSeconds: 3_600 });
  expect(await house.datasets.collectGarbage({})).toMatchObject({
    garbage: 0,
    young: 1,
    graceSeconds: 86_400,
  });
  expect(await isThere(orphan)).toBe(true);
  expect(await collect({ dryRun: true })).toMatchObject({ garbage: 1, young: 0, graceSeconds: 0 });
});

test('files that were made one are deleted, and every version is still read', async () => {
  const files: string[] = [];
  for (let i = 0; i < 6; i++) {
    files.push(await verify(house, 'small', [{ id: `s${i}`, passenger: i, fare: i }]));
  }
  await house.settled();
  const before = await house.datasets.getDataset({ dataset: { source: 'small', kind: 1 } });
  await house.datasets.compactDatasets({ source: 'small' });
  await collect();
  for (const file of files) expect(await isThere(file)).toBe(false);
  for (const version of [before.version?.version ?? 0, 0]) {
    const dataset = { source: 'small', kind: 1, version };
    let bytes = 0;
    for await (const { part } of house.datasets.exportDataset({ dataset, format: 'csv' }))
      if (part.case === 'chunk') bytes += part.value.byteLength;
    expect(bytes).toBeGreaterThan(0);
  }
});
