import { type Database, migrate, openDatabase, transact } from '@perennial/db';
import { type DatabaseForTests, postgresForTests } from '@perennial/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decide } from '../../src/decide/decide.js';
import type { SystemState } from '../../src/decide/state.js';
import { type Db, Store } from '../../src/store.js';
import { type ModelTest, TestLeases } from '../../src/test-leases.js';
import { factOf, recipes } from '../decide/recipes.js';
import { fresh } from '../decide/states.js';

let forTests: DatabaseForTests;
let database: Database;

beforeAll(async () => {
  forTests = await (await postgresForTests()).createDatabase();
  database = await openDatabase({ url: forTests.url, schema: 'registry', maxConnections: 4 });
  await migrate(database, new URL('../../migrations/', import.meta.url));
});

afterAll(async () => {
  await database.close();
  await forTests.drop();
});

const { pool, serve, onDecay, firstTrainingLabelsMin, isLabelInRow, trainsUntil, plan } = fresh;
const settingsOf = () => ({ pool, serve, onDecay, firstTrainingLabelsMin, isLabelInRow, trainsUntil, plan });

async function applied(tenant: string, system: string): Promise<void> {
  await transact(database.db, (tx) =>
    new Store(tx as Db, tenant, settingsOf).apply(
      { name: system, version: 1, source: system, spec_json: '{}', spec_digest: 'sha256:spec' },
      'me',
      0,
    ),
  );
}

/** Everything but which predictions were loaded, and the counts that another table keeps. */
function comparable({ rollout, verified: _verified, ...state }: SystemState) {
  return { ...state, rollout: rollout && { ...rollout, seen: undefined } };
}

test('what is stored is what was decided, through any history', async () => {
  let round = 0;
  await fc.assert(
    fc.asyncProperty(recipes, async (moves) => {
      const tenant = `tenant-${++round}`;
      await applied(tenant, 'weather');
      let known: SystemState = fresh;
      for (const [index, recipe] of moves.entries()) {
        const now = index + 1;
        const fact = factOf(recipe, known, now);
        const ids = fact.kind === 'predictions' ? fact.predictions.map((one) => one.predictionId) : [];
        known = await transact(database.db, async (tx) => {
          const store = new Store(tx as Db, tenant, settingsOf);
          const loaded = await store.load('weather', ids);
          expect(loaded && comparable(loaded)).toEqual(comparable(known));
          const state = { ...(loaded as SystemState), verified: known.verified };
          const decision = decide(state, fact, now);
          await store.save(state, decision, {}, now);
          return decision.state;
        });
      }
    }),
    { numRuns: 8, seed: 20140101 },
  );
});

test('the database itself refuses a second rollout in flight', async () => {
  await applied('twice', 'weather');
  await transact(database.db, async (tx) => {
    const store = new Store(tx as Db, 'twice', settingsOf);
    const state = (await store.load('weather')) as SystemState;
    const one = decide(state, { kind: 'retrain', requestId: '1', reason: '', by: 'me' }, 1);
    await store.save(state, one, {}, 1);
  });
  const second = transact(database.db, async (tx) => {
    const store = new Store(tx as Db, 'twice', settingsOf);
    const state = (await store.load('weather')) as SystemState;
    const forgetful = { ...state, rollout: undefined };
    const two = decide(forgetful, { kind: 'retrain', requestId: '2', reason: '', by: 'me' }, 2);
    await store.save(forgetful, two, {}, 2);
  });
  await expect(second).rejects.toThrow(/rollout_in_flight/);
});

test('two rollbacks at once end in two champions back, never in one lost', async () => {
  await applied('both', 'weather');
  await transact(database.db, (tx) =>
    (tx as Db)
      .updateTable('system')
      .set({ champion: 3, history: [1, 2] })
      .where('tenant', '=', 'both')
      .execute(),
  );
  const rollback = () =>
    transact(database.db, async (tx) => {
      const store = new Store(tx as Db, 'both', settingsOf);
      const state = (await store.load('weather')) as SystemState;
      const decision = decide(state, { kind: 'rollback', reason: '', by: 'me' }, 1);
      await store.save(state, decision, {}, 1);
      return decision.state.champion;
    });
  const champions = await Promise.all([rollback(), rollback()]);
  expect(champions.sort()).toEqual([1, 2]);
});

test('a renewed lease keeps others away, one that ran out is taken over and its holder fenced off', async () => {
  await transact(database.db, (tx) =>
    (tx as Db)
      .insertInto('model_test')
      .values({
        tenant: 'leases',
        rollout_id: 'rollout',
        system: 'weather',
        version: 1,
        digest: 'sha256:model',
        manifest_digest: 'sha256:manifest',
        next_at: new Date(0),
        leased_until: null,
      })
      .execute(),
  );
  const leases = new TestLeases(database.db as Db, 'leases');
  const mine = (await leases.lease(1_000, 100)) as ModelTest;
  await leases.renew(mine, 2_000);
  expect(await leases.lease(1_500, 100)).toBeUndefined();
  const theirs = (await leases.lease(2_001, 100)) as ModelTest;
  expect(theirs.epoch).toBe(mine.epoch + 1);
  await leases.renew(mine, 9_000);
  expect(await leases.lease(2_200, 100)).toBeDefined();
  expect(await leases.holds(mine)).toBe(false);
});
