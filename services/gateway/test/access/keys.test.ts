import { type Bus, follow } from '@perennial/bus';
import { oip, type Prediction, predictionFilter, RouteRole, readPredictions } from '@perennial/contracts';
import { createClient } from '@perennial/service';
import { type NatsForTests, startNats, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openAccessHouse } from '../../../registry/test/access/house.js';
import { gatewayLimits } from '../../src/limits.js';
import { inferRequest, type World, world } from '../peers.js';
import {
  openBus,
  type RunningGateway,
  startGateway,
  tellApplied,
  tellDeployment,
  tellKey,
  tokens,
} from '../platform.js';

let nats: NatsForTests;
let bus: Bus;
let state: World;
let gateway: RunningGateway;
let house: Awaited<ReturnType<typeof openAccessHouse>>;

beforeAll(async () => {
  nats = await startNats();
  bus = await openBus(nats);
  house = await openAccessHouse((key) => tellKey(bus, key));
  state = world();
  state.real = [house.service];
  gateway = await startGateway(nats, state);
  await tellApplied(bus, 'heat');
  await tellDeployment(bus, 1n, [{ role: RouteRole.CHAMPION, version: 1 }]);
  await tellDeployment(bus, 1n, [{ role: RouteRole.CHAMPION, version: 1 }], {
    system: 'cold',
    deployment: 'cold',
  });
});

afterAll(async () => {
  await gateway?.stop();
  await house?.close();
  await bus?.close();
  await nats?.stop();
});

interface Made {
  readonly secret: string;
  readonly enforced: boolean;
  readonly key: { readonly key_id: string; readonly name: string; readonly expires_at: string };
  readonly code?: string;
  readonly field?: string;
}

async function asked(method: string, path: string, body?: unknown, token?: string) {
  const response = await gateway.ask(path, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(token !== undefined && { token }),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Made };
}

let made = 0;
/** A key with a name of its own. */
async function newKey(more: object = {}): Promise<Made> {
  const { status, body } = await asked('POST', '/v1/keys', {
    name: `key-${++made}`,
    role: 'client',
    ...more,
  });
  expect(status).toBe(201);
  return body;
}

const row = { hour: '2024-03-01T06:00:00Z', outside: 2.5 };
const predict = (token: string, system = 'heat') =>
  asked('POST', `/v1/systems/${system}/predict`, row, token);
const look = (token: string) => asked('GET', '/v1/systems/heat', undefined, token);

function grpc(token: string) {
  return createClient(oip.GRPCInferenceService, gateway.grpcAddress, {
    metadata: { authorization: `Bearer ${token}` },
  });
}

test('a new key opens what its role may the moment it is answered, over HTTP and gRPC', async () => {
  const { secret, enforced, key } = await newKey();
  expect(enforced).toBe(true);
  expect(secret).toMatch(new RegExp(`^pk_${key.key_id}_[\\w-]{43}$`));
  expect((await predict(secret)).status).toBe(200);
  expect((await asked('POST', '/v1/keys', { name: 'x', role: 'admin' }, secret)).status).toBe(403);
  const client = grpc(secret);
  expect(await client.modelReady({ name: 'heat' })).toMatchObject({ ready: true });
  client.close();
});

test('keys are listed without anything that opens them', async () => {
  const { secret, key } = await newKey({ name: 'listed' });
  const { body } = await asked('GET', '/v1/keys');
  const text = JSON.stringify(body);
  expect(text).toContain(key.key_id);
  expect(text).not.toContain(secret.slice(-20));
  expect(text).not.toMatch(/[0-9a-f]{64}/);
});

test('after a rotation both secrets open the key, after a revocation none', async () => {
  const { secret, key } = await newKey();
  const rotated = (await asked('POST', `/v1/keys/${key.key_id}/rotate`, { grace_seconds: 60 })).body;
  expect(rotated.enforced).toBe(true);
  for (const one of [secret, rotated.secret]) expect((await look(one)).status).toBe(200);
  const last = (await asked('POST', `/v1/keys/${key.key_id}/rotate`, { grace_seconds: 0 })).body;
  expect([(await look(secret)).status, (await look(rotated.secret)).status]).toEqual([401, 401]);
  expect((await look(last.secret)).status).toBe(200);
  expect((await asked('DELETE', `/v1/keys/${key.key_id}`)).body.enforced).toBe(true);
  expect((await look(last.secret)).status).toBe(401);
});

test('a key that is revoked ends the streams that it holds open, over both doors', async () => {
  const { secret, key } = await newKey({ role: 'admin' });
  const events = await gateway.ask('/v1/events?follow=true', { token: secret });
  expect(events.status).toBe(200);
  const client = grpc(secret);
  const heat = inferRequest('heat', { outside: 1, yesterday: 2 });
  let revoked: () => void = () => {};
  const untilRevoked = new Promise<void>((resolve) => {
    revoked = resolve;
  });
  const answers = client.modelStreamInfer(
    (async function* () {
      yield heat;
      await untilRevoked;
      yield heat;
    })(),
  );
  const iterator = answers[Symbol.asyncIterator]();
  expect((await iterator.next()).value).toMatchObject({ inferResponse: { modelName: 'heat' } });
  expect((await asked('DELETE', `/v1/keys/${key.key_id}`)).body.enforced).toBe(true);
  revoked();
  await expect(iterator.next()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  client.close();
  // The whole of it: it has ended.
  expect(await events.text()).not.toContain(secret);
});

test('one key follows so many things at a time and no more, and others still may', async () => {
  const { secret } = await newKey({ role: 'viewer' });
  const gone = new AbortController();
  const follow = (token: string) => gateway.ask('/v1/events?follow=true', { token, signal: gone.signal });
  const open = await Promise.all(
    Array.from({ length: gatewayLimits.followersOfOneMax }, () => follow(secret)),
  );
  expect(open.every(({ status }) => status === 200)).toBe(true);
  const refused = await follow(secret);
  expect([refused.status, await refused.json()]).toMatchObject([429, { code: 'FOLLOWERS_EXHAUSTED' }]);
  expect((await follow(tokens.root)).status).toBe(200);
  gone.abort();
  const again = new AbortController();
  await waitFor('a place', async () => {
    const { signal } = again;
    return (await gateway.ask('/v1/events?follow=true', { token: secret, signal })).status === 200;
  });
  again.abort();
});

test('a key that ends by its time ends the streams that it holds open', async () => {
  const expiresAt = new Date(Date.now() + 1_500).toISOString();
  const { secret } = await newKey({ role: 'admin', expires_at: expiresAt });
  const events = await gateway.ask('/v1/events?follow=true', { token: secret });
  expect(events.status).toBe(200);
  await events.text();
  expect((await look(secret)).status).toBe(401);
});

test('a key that has ended opens nothing', async () => {
  const expiresAt = new Date(Date.now() + 1_500).toISOString();
  const { secret } = await newKey({ expires_at: expiresAt });
  expect((await look(secret)).status).toBe(200);
  await waitFor('the end of the key', async () => (await look(secret)).status === 401);
});

test('keys are known again after a restart, revoked ones as revoked', async () => {
  const [living, dead] = [await newKey(), await newKey()];
  await asked('DELETE', `/v1/keys/${dead.key.key_id}`);
  const second = await startGateway(nats, state);
  const statusOf = async (token: string) => (await second.ask('/v1/systems/heat', { token })).status;
  try {
    await waitFor('the living key', async () => (await statusOf(living.secret)) === 200);
    expect(await statusOf(dead.secret)).toBe(401);
  } finally {
    await second.stop();
  }
});

test.each([
  ['a name that the tokens file has', { name: 'desk', role: 'client' }, 'API_KEY_NAME_CONFLICT', 'name'],
  ['a name of a living key', { name: 'listed', role: 'client' }, 'API_KEY_NAME_CONFLICT', 'name'],
  ['no role', { name: 'a' }, 'BODY_INVALID', 'role'],
  ['a role that is none', { name: 'a', role: 'root' }, 'API_KEY_INVALID', 'role'],
  ['a secret of its own', { name: 'a', role: 'client', secret: 'mine' }, 'BODY_INVALID', 'secret'],
  ['a tenant', { name: 'a', role: 'client', tenant: 'other' }, 'BODY_INVALID', 'tenant'],
])('a key with %s is refused', async (_, body, code, field) => {
  expect((await asked('POST', '/v1/keys', body)).body).toMatchObject({ code, field });
});

test('a digest that the body brings does not become the secret', async () => {
  const { secret } = await newKey({ sha256: 'a'.repeat(64), key_id: '0'.repeat(16), requested_by: 'ghost' });
  expect((await look(secret)).status).toBe(200);
  expect(JSON.stringify((await asked('GET', '/v1/keys')).body)).not.toContain('ghost');
});

test('a key for system heat gets 403 for cold on every way in', async () => {
  const { secret, key } = await newKey({
    scope: { systems: ['heat'], sources: ['meter'] },
    role: 'operator',
  });
  expect((await predict(secret)).status).toBe(200);
  const cold = [
    predict(secret, 'cold'),
    asked('GET', '/v1/systems/cold', undefined, secret),
    asked('GET', '/v1/models/cold', undefined, secret),
    asked('GET', '/v2/models/cold', undefined, secret),
    asked('GET', '/v2/models/cold/versions/1/ready', undefined, secret),
    asked('POST', '/v2/models/cold/infer', { inputs: [] }, secret),
    asked('POST', '/v2/models/c%6Fld/infer', { inputs: [] }, secret),
    asked('POST', '/v2/repository/models/cold/unload', {}, secret),
    asked('POST', '/v1/systems/cold/rollback', {}, secret),
    asked('POST', '/v1/sources/garden/rows?format=json', [], secret),
    asked('POST', '/v1/labels', { system: 'cold', event_time: row.hour, value: 1 }, secret),
    asked('GET', '/v1/systems', undefined, secret),
    asked('GET', '/v1/status', undefined, secret),
  ];
  expect((await Promise.all(cold)).map(({ status }) => status)).toEqual(cold.map(() => 403));
  const client = grpc(secret);
  const heat = inferRequest('heat', { outside: 1, yesterday: 2 });
  const other = { ...heat, modelName: 'cold' };
  expect((await client.modelInfer(heat)).modelName).toBe('heat');
  const forbidden = { code: 'FORBIDDEN' };
  await expect(client.modelInfer(other)).rejects.toMatchObject(forbidden);
  await expect(client.modelMetadata({ name: 'cold' })).rejects.toMatchObject(forbidden);
  await expect(client.repositoryModelUnload({ modelName: 'cold' })).rejects.toMatchObject(forbidden);
  await expect(client.repositoryModelUnload({ repositoryName: 'cold' })).rejects.toMatchObject(forbidden);
  await expect(client.repositoryIndex({})).rejects.toMatchObject(forbidden);
  const answers: string[] = [];
  const streamed = async () => {
    const both = (async function* () {
      yield heat;
      yield other;
    })();
    for await (const { inferResponse } of client.modelStreamInfer(both)) {
      answers.push(inferResponse?.modelName ?? '');
    }
  };
  await expect(streamed()).rejects.toMatchObject(forbidden);
  expect(answers).not.toContain('cold');
  client.close();
  expect(key.name).toBe(`key-${made}`);
});

test('a key over its rate gets 429 with when to come back, and the headers of the draft on every answer', async () => {
  const limits = { requests_per_second: 0.01, burst: 3, rows_per_day: 1_000 };
  const { secret } = await newKey({ limits });
  const first = await look(secret);
  expect(first.status).toBe(200);
  expect(first.headers.get('ratelimit-policy')).toBe('"requests";q=3;w=300, "rows";q=1000;w=86400');
  expect(first.headers.get('ratelimit')).toMatch(/^"requests";r=2;t=\d+, "rows";r=1000;t=\d+$/);
  await look(secret);
  await look(secret);
  const refused = await look(secret);
  expect(refused).toMatchObject({ status: 429, body: { code: 'REQUESTS_EXHAUSTED' } });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(80);
  expect(refused.headers.get('ratelimit')).toMatch(/^"requests";r=0;/);
  const client = grpc(secret);
  await expect(client.modelReady({ name: 'heat' })).rejects.toMatchObject({
    code: 'REQUESTS_EXHAUSTED',
    retryAfterMs: expect.any(Number),
  });
  client.close();
});

test('the API description of a key counts like any other request', async () => {
  const { secret } = await newKey({ limits: { requests_per_second: 0.01, burst: 1 } });
  expect((await asked('GET', '/openapi.json', undefined, secret)).status).toBe(200);
  expect((await asked('GET', '/openapi.json', undefined, secret)).status).toBe(429);
});

test('rows count over the day whatever they come over, and a request that is refused takes none', async () => {
  const { secret } = await newKey({ limits: { rows_per_day: 5 } });
  expect((await predict(secret)).status).toBe(200);
  const many = (count: number) =>
    asked('POST', '/v1/systems/heat/predict', { rows: Array.from({ length: count }, () => row) }, secret);
  expect((await many(3)).status).toBe(200);
  expect(await many(2)).toMatchObject({ status: 429, body: { code: 'ROWS_EXHAUSTED' } });
  const client = grpc(secret);
  await client.modelInfer(inferRequest('heat', { outside: 1, yesterday: 2 }));
  await expect(client.modelInfer(inferRequest('heat', { outside: 1, yesterday: 2 }))).rejects.toMatchObject({
    code: 'ROWS_EXHAUSTED',
  });
  client.close();
  const rows = await gateway.ask('/v1/sources/meter/rows?format=json', {
    method: 'POST',
    token: secret,
    body: '[]',
  });
  expect(rows.status).toBe(429);
});

test('a key with one request at once gets 429 for a second, and its place back after the first', async () => {
  const { secret } = await newKey({ limits: { requests_at_once: 1 }, role: 'admin' });
  const follower = new AbortController();
  const open = await gateway.ask('/v1/events?follow=true', { token: secret, signal: follower.signal });
  expect(open.status).toBe(200);
  expect(await look(secret)).toMatchObject({ status: 429, body: { code: 'REQUESTS_AT_ONCE_EXHAUSTED' } });
  follower.abort();
  await waitFor('the place', async () => (await look(secret)).status === 200);
});

test('a rotation gives nothing back of what was used', async () => {
  const { secret, key } = await newKey({ limits: { rows_per_day: 1 } });
  expect((await predict(secret)).status).toBe(200);
  const rotated = (await asked('POST', `/v1/keys/${key.key_id}/rotate`, {})).body;
  expect((await predict(rotated.secret)).status).toBe(429);
});

test('a file of tokens and keys live side by side', async () => {
  expect((await look(tokens.desk)).status).toBe(200);
});

test('a prediction that limits refuse ends in one event like any other, over both doors', async () => {
  const events: Prediction[] = [];
  const stop = new AbortController();
  follow(bus, {
    stream: 'PREDICTION',
    filter: predictionFilter,
    from: 'new',
    signal: stop.signal,
    onMessage: ({ data }) => void events.push(...readPredictions(data).predictions),
  });
  const { secret, key } = await newKey({
    limits: { requests_per_second: 0.01, burst: 1, rows_per_day: 1_000 },
    scope: { systems: ['heat'] },
  });
  const mine = () => events.filter(({ caller }) => caller === key.name);
  // Following may begin a moment later than the first request: that one is not asked for here.
  expect((await predict(secret)).status).toBe(200);
  // Of a system outside of the scope nothing is told, whatever refuses it first.
  expect((await predict(secret, 'cold')).status).toBe(429);
  expect((await predict(secret)).status).toBe(429);
  const tensors = { inputs: [{ name: 'outside', datatype: 'FP64', shape: [1, 1], data: [1] }] };
  expect((await asked('POST', '/v2/models/heat/infer', tensors, secret)).status).toBe(429);
  const client = grpc(secret);
  await expect(client.modelInfer(inferRequest('heat', { outside: 1, yesterday: 2 }))).rejects.toMatchObject({
    code: 'REQUESTS_EXHAUSTED',
  });
  client.close();
  const refused = () => mine().filter(({ status }) => status === 'REQUESTS_EXHAUSTED');
  await waitFor('the events', () => refused().length >= 3);
  stop.abort();
  expect(
    refused()
      .map(({ transport }) => transport)
      .sort(),
  ).toEqual(['grpc/v2', 'http/v1', 'http/v2']);
});
