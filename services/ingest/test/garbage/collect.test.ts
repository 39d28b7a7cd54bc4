import { randomUUID } from 'node:crypto';
import { OperationsService } from '@perennial/contracts';
import type { Digest } from '@perennial/kernel';
import { type GrpcServer, serveGrpc } from '@perennial/service';
import { freePort } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verify } from '../datasets/verified.js';
import { type House, openHouse } from '../house.js';

/** What each of the other services says that it needs, and which of them do not answer. */
const needs = new Map<string, string[]>();
const silent = new Set<string>();
const names = ['audit', 'featurize', 'monitor', 'registry', 'trainer', 'validate'];
const servers: GrpcServer[] = [];
let house: House;

beforeAll(async () => {
  const peers: string[] = [];
  for (const name of names) {
    const listen = `127.0.0.1:${await freePort()}`;
    servers.push(
      await serveGrpc({ listen, services: [neighbour(name)], onError: () => {}, drainTimeoutMs: 100 }),
    );
    peers.push(`${name}=${listen}`);
  }
  house = await openHouse({ PERENNIAL_PEERS: peers.join(','), PERENNIAL_GARBAGE_GRACE_SECONDS: '0' });
});
afterAll(async () => {
  await house?.stop();
  await Promise.all(servers.map((server) => server.drain()));
});

function neighbour(name: string) {
  return {
    service: OperationsService,
    implementation: {
      listNeededArtifacts: async function* () {
        if (silent.has(name)) throw new Error('the disk is away');
        yield { digests: needs.get(name) ?? [], digestsAlone: [] };
      },
    },
  };
}

const put = async (text: string) => (await house.artifacts.put(Buffer.from(text))).digest;
const isThere = (digest: string) => house.artifacts.has(digest as Digest);

test('what no service needs is deleted, what one needs is kept with all that it names', async () => {
  const rows = await verify(house, 'flights', [{ id: '1', passenger: 1, fare: 2 }]);
  await house.settled();
  const model = await put('weights');
  const manifest = await put(JSON.stringify({ model, made: randomUUID() }));
  const orphan = await put('nobody wants this');
  needs.set('registry', [manifest]);
  const dry = await house.datasets.collectGarbage({ dryRun: true });
  expect(dry.largest.map(({ digest }) => digest)).toEqual([orphan]);
  expect(dry.garbageBytes).toBe(17n);
  expect(dry.asked.toSorted()).toEqual([...names, 'ingest'].toSorted());
  expect(await isThere(orphan)).toBe(true);
  const done = await house.datasets.collectGarbage({ dryRun: false });
  expect(done).toMatchObject({ garbage: 1, garbageBytes: 17n });
  expect(await isThere(orphan)).toBe(false);
  for (const kept of [rows, model, manifest]) expect(await isThere(kept)).toBe(true);
});

test('when one service does not say what it needs, nothing is deleted', async () => {
  const orphan = await put('still here');
  silent.add('trainer');
  await expect(house.datasets.collectGarbage({})).rejects.toMatchObject({ code: 'NEEDS_UNKNOWN' });
  expect(await isThere(orphan)).toBe(true);
  silent.delete('trainer');
  await house.datasets.collectGarbage({});
  expect(await isThere(orphan)).toBe(false);
});

test('what was put within the grace period is kept', async () => {
  const orphan = await put('just arrived');
  const dry = await house.datasets.collectGarbage({ graceSeconds: 3_600 });
  expect(dry).toMatchObject({ garbage: 0, young: 1, youngBytes: 12n });
  expect(await isThere(orphan)).toBe(true);
});

test('files that were made one are deleted, and every version is still read', async () => {
  const files: string[] = [];
  for (let i = 0; i < 6; i++) {
    files.push(await verify(house, 'small', [{ id: `s${i}`, passenger: i, fare: i }]));
  }
  await house.settled();
  const before = await house.datasets.getDataset({ dataset: { source: 'small', kind: 1 } });
  await house.datasets.compactDatasets({ source: 'small' });
  await house.datasets.collectGarbage({});
  for (const file of files) expect(await isThere(file)).toBe(false);
  for (const version of [before.version?.version ?? 0, 0]) {
    const dataset = { source: 'small', kind: 1, version };
    let bytes = 0;
    for await (const { part } of house.datasets.exportDataset({ dataset, format: 'csv' }))
      if (part.case === 'chunk') bytes += part.value.byteLength;
    expect(bytes).toBeGreaterThan(0);
  }
});
