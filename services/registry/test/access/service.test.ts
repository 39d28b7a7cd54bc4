import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { busMigrations, emitterFor } from '@perennial/bus';
import { AccessService, ApiKeyUpdatedSchema } from '@perennial/contracts';
import { type Database, migrate, openDatabase, transact } from '@perennial/db';
import { createClient, type GrpcServer, serveGrpc } from '@perennial/service';
import { type DatabaseForTests, postgresForTests } from '@perennial/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { accessService } from '../../src/access/service.js';
import type { AccessDb } from '../../src/access/tables.js';

let forTests: DatabaseForTests;
let database: Database;
let server: GrpcServer;
let client: ReturnType<typeof createClient<typeof AccessService>>;
let tenant = '';
let now = 0;
let round = 0;
const hour = 3_600_000;

beforeAll(async () => {
  forTests = await (await postgresForTests()).createDatabase();
  database = await openDatabase({ url: forTests.url, schema: 'registry', maxConnections: 4 });
  await migrate(database, busMigrations, 'bus');
  await migrate(database, new URL('../../migrations/', import.meta.url));
});

/** Each test has a tenant, a server and a clock of its own. */
beforeEach(async () => {
  client?.close();
  await server?.drain();
  now = Date.UTC(2024, 0, 1);
  tenant = `tenant-${++round}`;
  const clock = { now: () => now };
  server = await serveGrpc({
    listen: '127.0.0.1:0',
    drainTimeoutMs: 0,
    services: [
      accessService({
        db: database.db as AccessDb,
        tenant,
        clock,
        transact: (work) =>
          transact(database.db, (tx) =>
            work(tx as AccessDb, emitterFor(tx, { tenant, service: 'registry', clock })),
          ),
      }),
    ],
  });
  client = createClient(AccessService, server.address);
});

afterAll(async () => {
  client?.close();
  await server?.drain();
  await database?.close();
  await forTests?.drop();
});

const hash = (digit: string) => digit.repeat(64);
const asked = () => ({
  keyId: '00112233445566ff',
  sha256: hash('a'),
  name: 'desk',
  role: 'client',
  expiresAt: timestampFromMs(now + 24 * hour),
  requestedBy: 'admin',
});

/** The last word about every key, in the order of the telling. */
async function told() {
  const { rows } = await sql<{ body: string }>`
    select body from outbox where tenant = ${tenant} order by id`.execute(database.db);
  return rows.map(({ body }) =>
    fromJson(ApiKeyUpdatedSchema, JSON.parse(Buffer.from(body).toString()) as JsonValue),
  );
}

test('a key is told whole, with the digest that opens it, and shown without', async () => {
  const limits = { requestsPerSecond: 5, burst: 10, rowsPerDay: 1_000n, requestsAtOnce: 2 };
  const scope = { systems: ['heat'], sources: ['meter'] };
  const { key } = await client.createApiKey({ ...asked(), scope, limits });
  expect(key).toMatchObject({ name: 'desk', role: 'client', scope, limits, createdBy: 'admin', epoch: 1n });
  expect(
    JSON.stringify(key, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
  ).not.toContain(hash('a'));
  expect(await told()).toMatchObject([
    { keyId: asked().keyId, epoch: 1n, name: 'desk', scope, limits, secrets: [{ sha256: hash('a') }] },
  ]);
  expect((await client.listApiKeys({})).keys).toEqual([key]);
});

test('a key without a scope may touch all that its role may, one with an empty scope nothing', async () => {
  await client.createApiKey(asked());
  await client.createApiKey({ ...asked(), keyId: '00112233445566aa', name: 'none', scope: {} });
  expect((await told()).map(({ scope }) => scope?.systems)).toEqual([undefined, []]);
});

test('the secret before a rotation opens the key for the grace, an older one no more', async () => {
  await client.createApiKey(asked());
  const rotation = { keyId: asked().keyId, requestedBy: 'ann' };
  await client.rotateApiKey({ ...rotation, sha256: hash('b'), graceSeconds: 60 });
  now += 1_000;
  const { key } = await client.rotateApiKey({ ...rotation, sha256: hash('c'), graceSeconds: 60 });
  expect(key?.graceUntil && timestampMs(key.graceUntil)).toBe(now + 60_000);
  const last = (await told()).at(-1);
  expect(last?.secrets.map(({ sha256 }) => sha256)).toEqual([hash('c'), hash('b')]);
  expect(last).toMatchObject({ epoch: 3n, changedBy: 'ann' });
  await client.rotateApiKey({ ...rotation, sha256: hash('d'), graceSeconds: 0 });
  expect((await told()).at(-1)?.secrets.map(({ sha256 }) => sha256)).toEqual([hash('d')]);
});

test('a revoked key opens nothing, gives its name away, and stays revoked', async () => {
  await client.createApiKey(asked());
  const { keyId } = asked();
  await client.revokeApiKey({ keyId, requestedBy: 'ann' });
  expect((await told()).at(-1)).toMatchObject({ revoked: true, secrets: [], epoch: 2n });
  await client.revokeApiKey({ keyId, requestedBy: 'bob' });
  expect(await told()).toHaveLength(2);
  await expect(client.rotateApiKey({ keyId, sha256: hash('b') })).rejects.toMatchObject({
    code: 'API_KEY_REVOKED_CONFLICT',
  });
  await client.createApiKey({ ...asked(), keyId: '0011223344556600' });
});

test('of two keys that are made at once under one name, one is made', async () => {
  const both = await Promise.allSettled([
    client.createApiKey(asked()),
    client.createApiKey({ ...asked(), keyId: '0011223344556600', sha256: hash('b') }),
  ]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(both.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: { code: 'API_KEY_NAME_CONFLICT', field: 'name' },
  });
  expect(await told()).toHaveLength(1);
});

test.each([
  ['name', { name: 'Not A Name' }],
  ['role', { role: 'root' }],
  ['sha256', { sha256: 'plain-secret' }],
  ['key_id', { keyId: 'mine' }],
  ['expires_at', { expiresAt: timestampFromMs(Date.UTC(2023, 0, 1)) }],
  ['expires_at', { expiresAt: timestampFromMs(Date.UTC(2026, 0, 1)) }],
  ['scope.systems', { scope: { systems: ['../etc'] } }],
  ['limits.requests_per_second', { limits: { requestsPerSecond: -1 } }],
  ['limits.burst', { limits: { burst: 3 } }],
])('a wrong %s is refused by its name, and nothing is told', async (field, wrong) => {
  await expect(client.createApiKey({ ...asked(), ...wrong })).rejects.toMatchObject({
    code: 'API_KEY_INVALID',
    field,
  });
  expect(await told()).toEqual([]);
});

test('what is asked of a key that nobody made is refused', async () => {
  await expect(client.revokeApiKey({ keyId: 'nobody' })).rejects.toMatchObject({ code: 'API_KEY_NOT_FOUND' });
});
