import { create } from '@bufbuild/protobuf';
import { DatasetMaterializedSchema } from '@perennial/contracts';
import { type Database, migrate, openDatabase } from '@perennial/db';
import { type DatabaseForTests, postgresForTests } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Db, type LeasedRun, Store } from '../src/store.js';

let forTests: DatabaseForTests;
let database: Database;
let tenants = 0;

beforeAll(async () => {
  forTests = await (await postgresForTests()).createDatabase();
  database = await openDatabase({ url: forTests.url, schema: 'trainer', maxConnections: 4 });
  await migrate(database, new URL('../migrations/', import.meta.url));
});

afterAll(async () => {
  await database.close();
  await forTests.drop();
});

/** A store of its own with one queued run for each name, in order. */
async function storeWith(...runIds: string[]): Promise<Store> {
  const store = new Store(database.db as Db, `tenant-${++tenants}`);
  await store.keepSpec({ system: 's', version: 1, spec_digest: 'd', spec_json: '{}', trainer: 'gbdt' });
  for (const [at, runId] of runIds.entries()) {
    const dataset = create(DatasetMaterializedSchema, { system: 's', systemVersion: 1, datasetId: runId });
    await store.queue({ runId, dataset, correlationId: 'c', causationId: 'c' }, at);
  }
  return store;
}

const leaseMs = 100;

test('a run is leased once; when its lease runs out the next one fences the first off', async () => {
  const store = await storeWith('a');
  const first = (await store.lease(1_000, leaseMs)) as LeasedRun;
  expect(first).toMatchObject({ run_id: 'a', attempt: 1, spec: { trainer: 'gbdt' } });
  expect(await store.lease(1_050, leaseMs)).toBeUndefined();
  expect(await store.renew(first, 1_090, leaseMs)).toBe(true);
  expect(await store.lease(1_150, leaseMs)).toBeUndefined();
  const second = (await store.lease(1_200, leaseMs)) as LeasedRun;
  expect(second.attempt).toBe(2);
  expect(await store.renew(first, 1_210, leaseMs)).toBe(false);
  expect(await store.end(first, { status: 'completed' }, 1_220)).toBe(false);
  expect(await store.giveBack(first, 1, 'late', 1_220)).toBe(false);
  expect(await store.end(second, { status: 'completed' }, 1_230)).toBe(true);
  expect(await store.end(second, { status: 'failed' }, 1_240)).toBe(false);
  expect(await store.lease(9_000, leaseMs)).toBeUndefined();
  expect(await store.inWork()).toBe(0);
});

test('many that ask at once get a run each, the oldest first', async () => {
  const store = await storeWith('a', 'b', 'c');
  const leased = await Promise.all([1, 2, 3, 4].map(() => store.lease(1_000, leaseMs)));
  expect(leased.map((run) => run?.run_id).sort()).toEqual(['a', 'b', 'c', undefined]);
  expect(await store.inWork()).toBe(3);
});

test('a run that was given back is due at its time, and keeps why', async () => {
  const store = await storeWith('a');
  const first = (await store.lease(1_000, leaseMs)) as LeasedRun;
  expect(await store.giveBack(first, 1, 'out of memory', 5_000)).toBe(true);
  expect(await store.lease(4_999, leaseMs)).toBeUndefined();
  expect(await store.lease(5_000, leaseMs)).toMatchObject({
    failures: 1,
    reason: 'out of memory',
    attempt: 2,
  });
});

test('a run waits for the system.yaml that its dataset was made by', async () => {
  const store = new Store(database.db as Db, `tenant-${++tenants}`);
  const dataset = create(DatasetMaterializedSchema, { system: 's', systemVersion: 2, datasetId: 'd' });
  const queued = { runId: 'a', dataset, correlationId: 'c', causationId: 'c' };
  await store.queue(queued, 0);
  await store.queue(queued, 0);
  const spec = { system: 's', spec_digest: 'd', spec_json: '{}', trainer: 'gbdt' };
  await store.keepSpec({ ...spec, version: 1 });
  expect(await store.lease(1_000, leaseMs)).toBeUndefined();
  expect(await store.inWork()).toBe(1);
  await store.keepSpec({ ...spec, version: 2 });
  expect(await store.lease(1_000, leaseMs)).toMatchObject({ run_id: 'a' });
  expect(await store.list('s')).toHaveLength(1);
  expect(await store.list('other')).toHaveLength(0);
});
