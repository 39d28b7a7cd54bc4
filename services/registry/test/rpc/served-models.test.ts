import { generateKeyPairSync } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { busMigrations, emitterFor } from '@perennial/bus';
import {
  FeatureInputSchema,
  GetLiveRequestSchema,
  ImportModelRequestSchema,
  RouteRole,
  SetRoutesRequestSchema,
} from '@perennial/contracts';
import { type Database, migrate, openDatabase, transact } from '@perennial/db';
import { digestOf, readSigningKey, signModel, verifyModelSignature } from '@perennial/kernel';
import { type DatabaseForTests, postgresForTests } from '@perennial/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DeploymentRows } from '../../src/deployment-rows.js';
import { settingsReader } from '../../src/plan-of.js';
import { applySystem } from '../../src/rpc/apply-system.js';
import { promote, retrain, rollback } from '../../src/rpc/changes.js';
import type { RpcContext } from '../../src/rpc/context.js';
import { getLive } from '../../src/rpc/live.js';
import { setAvailability, setRoutes } from '../../src/rpc/routes.js';
import {
  getServedModel,
  importModel,
  listServedModels,
  retireModel,
  setServe,
} from '../../src/rpc/served-models.js';
import { signUnsigned } from '../../src/sign-unsigned.js';
import type { Db } from '../../src/store.js';

let forTests: DatabaseForTests;
let database: Database;
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const key = readSigningKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 'key');

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

/** Each change one second after the one before, from second 1 on. */
function contextOf(tenant: string): RpcContext {
  let seconds = 0;
  const clock = { now: () => ++seconds * 1_000 };
  return {
    decider: { tenant, clock, settingsOf: settingsReader(60), sign: (model) => signModel(key, model) },
    manifests: { jsonOf: async () => '{}', inputsOf: async () => [] },
    db: database.db as Db,
    transact: (work) =>
      transact(database.db, (tx) => work(tx as Db, emitterFor(tx, { tenant, service: 'registry', clock }))),
  };
}

async function told(tenant: string): Promise<string[]> {
  const { rows } = await sql<{ subject: string }>`
    select subject from outbox where tenant = ${tenant} order by id`.execute(database.db);
  return rows.map(({ subject }) => subject.split('.').slice(2, 4).join('.'));
}

const end = (name: string, datatype = 'FP32') =>
  create(FeatureInputSchema, { name, datatype, shape: [-1n, 4n] });
const file = (content: string, more: { name?: string; promote?: boolean; input?: string } = {}) =>
  create(ImportModelRequestSchema, {
    name: more.name ?? 'price',
    digest: digestOf(Buffer.from(content)),
    bytes: BigInt(content.length),
    inputs: [end(more.input ?? 'x')],
    outputs: [end('y')],
    requestedBy: 'ann',
    ...(more.promote !== undefined && { promote: more.promote }),
  });

test('bytes that come again have the version they have, and tell nothing', async () => {
  const context = contextOf('again');
  expect(await importModel(context, file('a'))).toMatchObject({ version: 1, created: true, champion: 1 });
  expect(await told('again')).toEqual(['model.registered', 'model.promoted', 'deployment.updated']);
  expect(await importModel(context, file('a'))).toMatchObject({ version: 1, created: false, epoch: 1n });
  expect(await importModel(context, file('b'))).toMatchObject({ version: 2, created: true, champion: 1 });
  expect(await importModel(context, file('b', { promote: true }))).toMatchObject({ version: 2, champion: 2 });
  const { model } = await getServedModel(context, {
    $typeName: 'perennial.v1.GetServedModelRequest',
    name: 'price',
  });
  expect(model).toMatchObject({ kind: 'imported', champion: 2, retired: false });
  expect(model?.versions.map(({ version, registeredBy }) => [version, registeredBy])).toEqual([
    [2, 'ann'],
    [1, 'ann'],
  ]);
  expect(model?.deployment).toMatchObject({ specJson: '', inputs: [end('x')], outputs: [end('y')] });
});

test('two imports of the same bytes at once end in one version', async () => {
  const context = contextOf('race');
  const answers = await Promise.all([1, 2, 3, 4].map(() => importModel(context, file('a'))));
  expect(answers.map(({ version }) => version)).toEqual([1, 1, 1, 1]);
  expect(answers.filter(({ created }) => created)).toHaveLength(1);
});

test('a rollback puts the champion before this one back, a second goes further, a third has nowhere to go', async () => {
  const context = contextOf('back');
  for (const content of ['a', 'b', 'c']) await importModel(context, file(content, { promote: true }));
  const back = () => rollback(context, { system: 'price', reason: 'worse', requestedBy: 'ann' } as never);
  expect(await back()).toMatchObject({ fromVersion: 3, toVersion: 2 });
  expect(await back()).toMatchObject({ fromVersion: 2, toVersion: 1 });
  await expect(back()).rejects.toMatchObject({ code: 'ROLLBACK_CONFLICT', field: 'system' });
  const asked = { system: 'price', reference: '3', reason: '', requestedBy: 'ann' } as never;
  expect(await promote(context, asked)).toMatchObject({ fromVersion: 1, toVersion: 3 });
  expect(await back()).toMatchObject({ fromVersion: 3, toVersion: 1 });
});

test('an imported model is promoted by number or alias, and an unknown reference names what there is', async () => {
  const context = contextOf('promoted');
  await importModel(context, file('a'));
  await importModel(context, file('b'));
  const asked = (reference: string) =>
    promote(context, { system: 'price', reference, reason: '', requestedBy: 'ann' } as never);
  expect(await asked('2')).toMatchObject({ fromVersion: 1, toVersion: 2 });
  expect(await asked('previous')).toMatchObject({ fromVersion: 2, toVersion: 1 });
  await expect(asked('7')).rejects.toThrow('it has version 1, 2, and the aliases champion and previous');
});

test('every version is signed over its name, number and digest, and its route carries the signature', async () => {
  const context = contextOf('signed');
  await importModel(context, file('a'));
  const { model } = await getServedModel(context, {
    $typeName: 'perennial.v1.GetServedModelRequest',
    name: 'price',
  });
  const [route] = model?.deployment?.routes ?? [];
  const subject = { name: 'price', version: 1, digest: digestOf(Buffer.from('a')) };
  expect(verifyModelSignature([publicKey], subject, route?.signature ?? '')).toBe(true);
});

test('versions from before there was a key are signed once there is one, and told anew, once', async () => {
  const context = contextOf('keyless');
  const { sign: _sign, ...keyless } = context.decider;
  await importModel({ ...context, decider: keyless }, file('a'));
  const routesNow = async () => (await new DeploymentRows(context.db, 'keyless').current('price'))?.routes;
  expect(await routesNow()).toMatchObject([{ signature: '' }]);
  expect(await signUnsigned(context)).toBe(1);
  const [route] = (await routesNow()) ?? [];
  const subject = { name: 'price', version: 1, digest: digestOf(Buffer.from('a')) };
  expect(verifyModelSignature([publicKey], subject, route?.signature ?? '')).toBe(true);
  expect(await signUnsigned(context)).toBe(0);
  expect((await told('keyless')).slice(-1)).toEqual(['deployment.updated']);
});

test('a name is a system or an imported model, never both', async () => {
  const context = contextOf('names');
  const system = (name: string) => ({
    $typeName: 'perennial.v1.ApplySystemRequest' as const,
    appliedBy: 'me',
    dryRun: false,
    specYaml: [
      'apiVersion: perennial/v1',
      'kind: System',
      `name: ${name}`,
      'source: { name: rows, time: at }',
      'label: { column: y, task: regression }',
      'features: [{ name: x }]',
      'gate: { metric: mae, hold-out: { last: 14 rows } }',
      'monitor: { window: 14 rows, decay: { metric: mae, worse-than: 30% } }',
    ].join('\n'),
  });
  await importModel(context, file('a', { name: 'taken' }));
  await expect(applySystem(context, system('taken'))).rejects.toMatchObject({ code: 'MODEL_NAME_CONFLICT' });
  await expect(
    retrain(context, { system: 'taken', reason: '', requestedBy: 'me' } as never),
  ).rejects.toMatchObject({ code: 'MODEL_IMPORTED_CONFLICT', field: 'system' });
  await applySystem(context, system('weather'));
  await expect(importModel(context, file('a', { name: 'weather' }))).rejects.toMatchObject({
    code: 'MODEL_NAME_CONFLICT',
  });
  const serve = { $typeName: 'perennial.v1.SetServeRequest' as const, serveJson: '{}', requestedBy: '' };
  await expect(setServe(context, { ...serve, name: 'weather' })).rejects.toMatchObject({
    code: 'MODEL_OF_SYSTEM_CONFLICT',
  });
  await expect(setServe(context, { ...serve, name: 'nobody' })).rejects.toMatchObject({
    code: 'MODEL_NOT_FOUND',
  });
  const { models } = await listServedModels(context);
  expect(models.map(({ name, kind }) => [name, kind])).toEqual([
    ['taken', 'imported'],
    ['weather', 'system'],
  ]);
});

test('versions share requests by declared weights; one of other inputs is refused', async () => {
  const context = contextOf('routes');
  for (const content of ['a', 'b']) await importModel(context, file(content));
  await importModel(context, file('c', { input: 'z' }));
  const routes = (versions: number[]) =>
    create(SetRoutesRequestSchema, {
      name: 'price',
      variants: versions.map((version) => ({ version, weight: 1 })),
      rules: [{ header: 'X-Group', equals: 'beta', version: 2 }],
    });
  await expect(setRoutes(context, routes([1, 3]))).rejects.toMatchObject({ code: 'ROUTES_INVALID' });
  expect(await setRoutes(context, routes([1, 2]))).toMatchObject({ epoch: 2n });
  const deployment = await new DeploymentRows(context.db, 'routes').current('price');
  expect(deployment?.routes.map(({ role, version, weight }) => [RouteRole[role], version, weight])).toEqual([
    ['CHAMPION', 1, 0.5],
    ['VARIANT', 2, 0.5],
  ]);
  expect(deployment?.rules).toMatchObject([{ header: 'x-group', equals: 'beta', version: 2 }]);
  // Alone, another version is the champion from here on.
  await setRoutes(
    context,
    create(SetRoutesRequestSchema, { name: 'price', variants: [{ version: 2, weight: 1 }] }),
  );
  expect((await told('routes')).slice(-2)).toEqual(['model.promoted', 'deployment.updated']);
});

test('a retired model routes nowhere, keeps its history, and is back with its next import', async () => {
  const context = contextOf('retired');
  await importModel(context, file('a'));
  await retireModel(context, {
    $typeName: 'perennial.v1.RetireModelRequest',
    name: 'price',
    requestedBy: '',
  });
  const rows = new DeploymentRows(context.db, 'retired');
  expect((await rows.current('price'))?.routes).toEqual([]);
  expect((await rows.first('price'))?.deployment.routes).toHaveLength(1);
  await importModel(context, file('a'));
  expect((await rows.current('price'))?.routes).toHaveLength(1);
});

test('how a model is served is told, and a wrong field refused by its name', async () => {
  const context = contextOf('serve');
  await importModel(context, file('a'));
  const serve = (serveJson: string) =>
    setServe(context, {
      $typeName: 'perennial.v1.SetServeRequest',
      name: 'price',
      serveJson,
      requestedBy: '',
    });
  await serve('{"pool": "gpu", "cache": {"seconds": 9}, "capture": {"level": "none"}}');
  const rows = new DeploymentRows(context.db, 'serve');
  expect(await rows.current('price')).toMatchObject({
    pool: 'gpu',
    serve: { cacheSeconds: 9, cacheEntries: 1_000 },
  });
  await expect(serve('{"cache": {"second": 9}}')).rejects.toThrow(/cache\.second: unknown field/);
  const away = { $typeName: 'perennial.v1.SetAvailabilityRequest' as const, name: 'price', requestedBy: '' };
  await setAvailability(context, { ...away, available: false });
  expect((await rows.current('price'))?.unloaded).toBe(true);
});

test('what was live at any time is told, by the wall, by the stream and by the data', async () => {
  const context = contextOf('live');
  const rows = new DeploymentRows(context.db, 'live');
  const day = (text: string) => Date.parse(text);
  for (const [epoch, version, now, data] of [
    [1, 1, '2026-03-01', '2012-06-30'],
    [2, 1, '2026-03-02', '2012-09-30'],
    [3, 2, '2026-03-03', '2013-01-31'],
  ] as const) {
    await transact(database.db, (tx) =>
      new DeploymentRows(tx as Db, 'live').save(
        {
          deployment: 'seattle',
          system: 'seattle',
          epoch: BigInt(epoch),
          routes: [{ role: RouteRole.CHAMPION, version, weight: 1 }],
        },
        epoch - 1,
        { now: day(now), dataTime: day(data) },
      ),
    );
    const live = await rows.liveAt('seattle', undefined);
    if (live && epoch < 3) {
      const event = { id: `event-${epoch}`, sequence: epoch * 10, time: new Date(day(now)) };
      await rows.told(live.deployment, event);
      await rows.told(live.deployment, event);
    }
  }
  const ask = (moment: Parameters<typeof create<typeof GetLiveRequestSchema>>[1]) =>
    getLive(context, create(GetLiveRequestSchema, { name: 'seattle', ...(moment as object) }));
  const at = (text: string) => ({ moment: { case: 'at' as const, value: timestampFromMs(day(text)) } });
  const data = (text: string) => ({
    moment: { case: 'dataTime' as const, value: timestampFromMs(day(text)) },
  });
  const sequence = (value: bigint) => ({ moment: { case: 'sequence' as const, value } });
  const epochOf = async (moment: Parameters<typeof ask>[0]) => (await ask(moment)).live?.deployment?.epoch;
  expect(await epochOf({})).toBe(3n);
  expect(await epochOf(at('2026-03-01'))).toBe(1n);
  expect(await epochOf(at('2026-03-02T12:00:00Z'))).toBe(2n);
  expect(await epochOf(data('2012-07-01'))).toBe(1n);
  expect(await epochOf(data('2013-02-01'))).toBe(3n);
  expect(await epochOf(sequence(19n))).toBe(1n);
  expect(await epochOf(sequence(20n))).toBe(2n);
  expect((await ask(data('2012-07-01'))).next?.deployment?.epoch).toBe(2n);
  await expect(ask(at('2012-07-01'))).rejects.toThrow(
    /first deployment began at 2026-03-01.*"data-time".*2012-06-30/,
  );
  await expect(ask(data('2011-01-01'))).rejects.toThrow(/rows had reached 2012-06-30/);
  await expect(ask(sequence(9n))).rejects.toThrow(/began with sequence 10/);
  await expect(getLive(context, create(GetLiveRequestSchema, { name: 'nobody' }))).rejects.toMatchObject({
    code: 'MODEL_NOT_FOUND',
  });
});
