import { migrate, openDatabase } from '@perennial/db';
import { unavailable } from '@perennial/kernel';
import { type DatabaseForTests, postgresForTests, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DatasetStore } from '../src/datasets/dataset-store.js';
import { beginningsMax, WorkLoop } from '../src/effects/work-loop.js';
import { Leases, leaseMs } from '../src/leases.js';
import type { Db } from '../src/tables.js';

let database: DatabaseForTests;
let opened: Awaited<ReturnType<typeof openDatabase>>;
let db: Db;

beforeAll(async () => {
  database = await (await postgresForTests()).createDatabase();
  opened = await openDatabase({ url: database.url, schema: 'featurize' });
  await migrate(opened, new URL('../migrations/', import.meta.url));
  db = opened.db as Db;
});
afterAll(async () => {
  await opened?.close();
  await database?.drop();
});

const want = (rolloutId: string, now: number) =>
  new DatasetStore(db, 'default').want(
    {
      rolloutId,
      datasetId: rolloutId,
      system: 's',
      systemVersion: 1,
      champion: { version: 0, digest: '' },
      correlationId: '',
      causationId: '',
    },
    new Date(now),
  );

describe('leased work', () => {
  it('goes to one process at a time, and to another when the first is silent for too long', async () => {
    const leases = new Leases(db, 'default');
    await want('one', 0);
    const first = await leases.lease('dataset', 1_000);
    expect(await leases.lease('dataset', 2_000)).toBeUndefined();
    if (!first) throw new Error('no lease');
    expect(await leases.renew(first, 5_000)).toBe(true);
    expect(await leases.lease('dataset', 1_000 + leaseMs + 1)).toBeUndefined();
    const second = await leases.lease('dataset', 5_000 + leaseMs + 1);
    expect(second).toMatchObject({ id: 'one', epoch: 2 });
    // The slow one can do nothing any more.
    expect(await leases.renew(first, 20_000)).toBe(false);
    expect(await leases.holds(first)).toBe(false);
    await leases.postpone(first, 0);
    expect(await leases.lease('dataset', 5_000 + leaseMs + 2)).toBeUndefined();
    await new DatasetStore(db, 'default').refused('one', 'enough');
    expect(await leases.count('dataset')).toBe(0);
  });

  it('that fails for a reason nobody knows is tried again, and given up in the end', async () => {
    await want('two', 0);
    const seen: string[] = [];
    const loop = new WorkLoop({
      db,
      tenant: 'default',
      clock: { now: () => Date.now() },
      pollMs: 10,
      warn: (error) => seen.push(error.code),
      workers: [
        {
          kind: 'dataset',
          work: async () => {
            throw new Error('a reason nobody knows');
          },
          giveUp: async ({ id }, error) => {
            seen.push(`gave up ${id}`);
            await new DatasetStore(db, 'default').refused(id, error.message);
          },
        },
      ],
    });
    loop.start();
    await waitFor('the end', () => seen.some((code) => code.startsWith('gave up')));
    await loop.stop();
    expect(seen.filter((code) => code === 'INTERNAL')).toHaveLength(6);
    expect(await new Leases(db, 'default').count('dataset')).toBe(0);
  });

  it('that kills its process each time is begun a bounded number of times, then given up without another try', async () => {
    const leases = new Leases(db, 'default');
    await want('killed', 0);
    // Nobody who was killed says anything; the lease runs out.
    for (let time = 1; time <= beginningsMax; time++) {
      expect(await leases.lease('dataset', time * 2 * leaseMs)).toMatchObject({ begun: time, attempt: 0 });
    }
    const seen: string[] = [];
    const loop = new WorkLoop({
      db,
      tenant: 'default',
      clock: { now: () => Date.now() },
      pollMs: 10,
      warn: () => {},
      workers: [
        {
          kind: 'dataset',
          work: async ({ id }) => {
            seen.push(`began ${id}`);
            return 'done';
          },
          giveUp: async ({ id }, error) => {
            seen.push(`gave up ${id}: ${error.code}, ${error.message}`);
            await new DatasetStore(db, 'default').refused(id, error.message);
          },
        },
      ],
    });
    loop.start();
    await waitFor('the end', async () => (await leases.count('dataset')) === 0);
    await loop.stop();
    expect(seen).toEqual([expect.stringMatching(/^gave up killed: WORK_ENDLESS, begun 10 times/)]);
  });

  it('waits for whoever is away, as often as it takes, and gives nothing up for it', async () => {
    await want('three', 0);
    const away = [
      Object.assign(new Error('the server restarts'), { code: '57P01' }),
      unavailable('BUS_UNAVAILABLE', 'the bus does not answer'),
    ];
    let tries = 0;
    const outcomes: string[] = [];
    const loop = new WorkLoop({
      db,
      tenant: 'default',
      // A clock that runs, so that the test need not wait.
      clock: { now: () => Date.now() + tries * 20_000 },
      pollMs: 10,
      warn: () => {},
      workers: [
        {
          kind: 'dataset',
          work: async ({ id, attempt }) => {
            tries += 1;
            if (tries <= 12) throw away[tries % 2];
            await new DatasetStore(db, 'default').refused(id, 'enough');
            outcomes.push(`done after ${attempt} failures`);
            return 'done';
          },
          giveUp: async ({ id }) => void outcomes.push(`gave up ${id}`),
        },
      ],
    });
    loop.start();
    await waitFor('the end', () => outcomes.length > 0);
    await loop.stop();
    expect(outcomes).toEqual(['done after 0 failures']);
  });
});
