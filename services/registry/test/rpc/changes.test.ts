import { busMigrations, type Emitter, emitterFor } from '@perennial/bus';
import { type Database, migrate, openDatabase, transact } from '@perennial/db';
import { fixedClock } from '@perennial/kernel';
import { type DatabaseForTests, postgresForTests } from '@perennial/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SystemState } from '../../src/decide/state.js';
import { cancelRollout, promote, resume, retrain, rollback } from '../../src/rpc/changes.js';
import type { RpcContext } from '../../src/rpc/context.js';
import { type Db, Store } from '../../src/store.js';
import { fresh, withChampions } from '../decide/states.js';

const clock = fixedClock(5_000);
let forTests: DatabaseForTests;
let database: Database;

beforeAll(async () => {
  forTests = await (await postgresForTests()).createDatabase();
  database = await openDatabase({ url: forTests.url, schema: 'registry', maxConnections: 4 });
  await migrate(database, busMigrations, 'bus');
  await migrate(database, new URL('../../migrations/', import.meta.url));
});

afterAll(async () => {
  await database.close();
  await forTests.drop();
});

const { pool, serve, onDecay, firstTrainingLabelsMin, isLabelInRow, trainsUntil, plan } = fresh;
const settingsOf = () => ({ pool, serve, onDecay, firstTrainingLabelsMin, isLabelInRow, trainsUntil, plan });

function contextOf(tenant: string, spoil: (emit: Emitter) => Emitter = (emit) => emit): RpcContext {
  return {
    decider: { tenant, clock, settingsOf },
    manifests: { jsonOf: async () => '{}', inputsOf: async () => [] },
    db: database.db as Db,
    transact: (work) =>
      transact(database.db, (tx) =>
        work(tx as Db, spoil(emitterFor(tx, { tenant, service: 'registry', clock }))),
      ),
  };
}

/** A system with two champions in its history, written as decisions would. */
async function twoChampions(tenant: string): Promise<void> {
  const state = withChampions(2);
  await transact(database.db, async (tx) => {
    const store = new Store(tx as Db, tenant, settingsOf);
    const row = { name: 'weather', version: 1, source: 'weather', spec_json: '{}', spec_digest: 'sha256:s' };
    await store.apply(row, 'me', 0);
    const before = (await store.load('weather')) as SystemState;
    await store.save(before, { state, emits: [], effects: [], ended: [] }, {}, 0);
  });
}

async function told(tenant: string): Promise<string[]> {
  const { rows } = await sql<{ subject: string }>`
    select subject from outbox where tenant = ${tenant} order by id`.execute(database.db);
  return rows.map(({ subject }) => subject.split('.').slice(2, 4).join('.'));
}

const request = { system: 'weather', reason: 'odd', requestedBy: 'me' } as const;

test('a rollback moves the champion, holds promotions and tells it, in one transaction', async () => {
  await twoChampions('whole');
  const answer = await rollback(contextOf('whole'), {
    $typeName: 'perennial.v1.RollbackRequest',
    ...request,
  });
  expect([answer.fromVersion, answer.toVersion]).toEqual([2, 1]);
  expect(await told('whole')).toEqual(['model.promoted', 'deployment.updated']);
  const state = await new Store(database.db as Db, 'whole', settingsOf).peek('weather');
  expect(state).toMatchObject({ champion: 1, heldAt: 5_000 });
});

test('a rollback whose last event cannot be told has not happened', async () => {
  await twoChampions('spoilt');
  const spoil =
    (emit: Emitter): Emitter =>
    (event, id, body) =>
      event.name === 'deployment.updated' ? Promise.reject(new Error('no')) : emit(event, id, body);
  const context = contextOf('spoilt', spoil);
  const attempt = rollback(context, { $typeName: 'perennial.v1.RollbackRequest', ...request });
  await expect(attempt).rejects.toThrow('no');
  expect(await told('spoilt')).toEqual([]);
  const state = await new Store(database.db as Db, 'spoilt', settingsOf).peek('weather');
  expect(state).toMatchObject({ champion: 2, heldAt: undefined });
});

test('a person goes forward again by number or alias, and an unknown one is named with what there is', async () => {
  await twoChampions('forward');
  const context = contextOf('forward');
  await rollback(context, { $typeName: 'perennial.v1.RollbackRequest', ...request });
  const forward = await promote(context, {
    $typeName: 'perennial.v1.PromoteRequest',
    ...request,
    reference: '2',
  });
  expect(forward.toVersion).toBe(2);
  await resume(context, { $typeName: 'perennial.v1.ResumeRequest', system: 'weather', requestedBy: 'me' });
  const state = await new Store(database.db as Db, 'forward', settingsOf).peek('weather');
  expect(state).toMatchObject({ champion: 2, heldAt: undefined });
  const unknown = promote(context, {
    $typeName: 'perennial.v1.PromoteRequest',
    ...request,
    reference: 'staging',
  });
  await expect(unknown).rejects.toThrow(/"staging".*version 1, 2.*champion/);
});

test('a rollout is cancelled by hand once, and said to be unknown then', async () => {
  await twoChampions('cancelled');
  const context = contextOf('cancelled');
  const begun = await retrain(context, { $typeName: 'perennial.v1.RetrainRequest', ...request });
  const cancel = () => cancelRollout(context, { $typeName: 'perennial.v1.CancelRolloutRequest', ...request });
  expect(await cancel()).toMatchObject({ rolloutId: begun.rolloutId });
  expect(await told('cancelled')).toEqual(['rollout.requested', 'rollout.advanced']);
  const state = await new Store(database.db as Db, 'cancelled', settingsOf).peek('weather');
  expect(state).toMatchObject({ champion: 2, rollout: undefined });
  await expect(cancel()).rejects.toMatchObject({ code: 'ROLLOUT_NOT_FOUND' });
});
