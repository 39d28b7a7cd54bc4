import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Bus } from '@perennial/bus';
import { RouteRole } from '@perennial/contracts';
import { type NatsForTests, startNats, tempDir, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openRequestsHouse } from '../../../registry/test/requests/house.js';
import { type World, world } from '../peers.js';
import {
  openBus,
  type RunningGateway,
  startGateway,
  tellApplied,
  tellDeployment,
  tokens,
} from '../platform.js';

let nats: NatsForTests;
let bus: Bus;
let state: World;
let gateway: RunningGateway;
let house: Awaited<ReturnType<typeof openRequestsHouse>>;
const settings = { PERENNIAL_CALLBACK_ALLOW_PRIVATE: 'true' };

beforeAll(async () => {
  process.env['ARTIFACTS_URL'] = `file://${tempDir('artifacts')}`;
  [nats, house] = await Promise.all([startNats(), openRequestsHouse()]);
  bus = await openBus(nats);
  state = world();
  state.real = [house.service];
  gateway = await startGateway(nats, state, settings);
  await tellApplied(bus, 'heat');
  await tellDeployment(bus, 1n, [{ role: RouteRole.CHAMPION, version: 1 }]);
});

afterAll(async () => {
  await gateway?.stop();
  await house?.close();
  await bus?.close();
  await nats?.stop();
});

const row = { hour: '2024-03-01T06:00:00Z', outside: 2.5 };

interface Shown {
  id: string;
  state: string;
  rows: { total: number; done: number };
  result?: { predictions: { prediction: number; prediction_id: string }[] };
  error?: { code: string; detail: string };
  callback?: { secret?: string; state: string; attempts: number; error?: string };
  code?: string;
  field?: string;
}

async function submit(body: unknown, headers: Record<string, string> = {}, token = tokens.desk) {
  const response = await gateway.ask('/v1/systems/heat/requests', {
    method: 'POST',
    body: JSON.stringify(body),
    headers,
    token,
  });
  return {
    status: response.status,
    location: response.headers.get('location') ?? '',
    body: (await response.json()) as Shown,
  };
}

async function look(location: string, token = tokens.desk): Promise<Shown> {
  return (await (await gateway.ask(location, { token })).json()) as Shown;
}

const until = (location: string, wanted: string) =>
  waitFor(`the request to be ${wanted}`, async () => {
    const shown = await look(location);
    return shown.state === wanted && shown;
  });

test('a request is taken with 202 and answered where its location says, as predict would have', async () => {
  const { status, location, body } = await submit({ rows: [row, { ...row, outside: 4 }], features: false });
  expect([status, location]).toEqual([202, `/v1/requests/${body.id}`]);
  const { result, rows } = await until(location, 'completed');
  expect(result?.predictions.map(({ prediction }) => prediction)).toEqual([12.5, 14]);
  expect(rows).toMatchObject({ total: 2, done: 2 });
});

test('the same idempotency key is the same request, also when it has ended; for another body it is refused', async () => {
  const key = { 'idempotency-key': 'monday-1' };
  const first = await submit({ rows: [row] }, key);
  await until(first.location, 'completed');
  expect((await submit({ rows: [row] }, key)).body.id).toBe(first.body.id);
  expect(await submit({ rows: [{ ...row, outside: 9 }] }, key)).toMatchObject({
    status: 409,
    body: { code: 'IDEMPOTENCY_CONFLICT' },
  });
});

test('what predict would refuse is the end of a request, with the same problem', async () => {
  const { location } = await submit({ rows: [{ ...row, outside: 'warm', yesterday: 1 }] });
  const { error } = await until(location, 'failed');
  expect(error).toMatchObject({ code: 'FEATURE_INVALID', field: 'rows[0].outside' });
});

test('an outage is a delay of a request and no failure', async () => {
  state.featuresAway = 3;
  const { location } = await submit({ rows: [row] });
  expect((await until(location, 'completed')).result?.predictions).toHaveLength(1);
});

test('only its caller and operators see a request', async () => {
  const { location } = await submit({ rows: [row] }, {}, tokens.root);
  expect(await look(location)).toMatchObject({ status: 404, code: 'SUBMISSION_NOT_FOUND' });
  const own = await submit({ rows: [row] });
  expect((await look(own.location, tokens.root)).id).toBe(own.body.id);
  expect((await gateway.ask('/v1/requests/nobody', { token: tokens.desk })).status).toBe(404);
  // A request is no batch, whatever its id.
  expect((await gateway.ask(own.location.replace('requests', 'batches'))).status).toBe(404);
});

test('a request that is cancelled before it is answered has no answer', async () => {
  let release = () => {};
  state.onServe = () =>
    new Promise((resolve) => {
      release = resolve;
    });
  const { location } = await submit({ rows: [{ ...row, yesterday: 1 }] });
  await until(location, 'running');
  const cancelled = await gateway.ask(location, { method: 'DELETE', token: tokens.desk });
  expect(((await cancelled.json()) as Shown).state).toBe('cancelled');
  state.onServe = async () => {};
  release();
  expect(await until(location, 'cancelled')).not.toHaveProperty('result');
  const again = await submit({ rows: [row] });
  await until(again.location, 'completed');
  expect(await look(location)).toMatchObject({ state: 'cancelled' });
});

test('a gateway that stops gives its requests back, and the next one answers them once', async () => {
  let release = () => {};
  state.onServe = () =>
    new Promise((resolve) => {
      release = resolve;
    });
  const { location } = await submit({ rows: [{ ...row, yesterday: 1 }] });
  await until(location, 'running');
  const stopped = gateway.stop();
  release();
  state.onServe = async () => {};
  await stopped;
  gateway = await startGateway(nats, state, settings);
  expect((await until(location, 'completed')).result?.predictions[0]?.prediction).toBe(3.5);
});

test('events tell how far a request is, and end with its result', async () => {
  const { location } = await submit({ rows: [row] });
  const response = await gateway.ask(`${location}/events`, { token: tokens.desk });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const events = (await response.text()).trim().split('\n\n');
  const last = events.at(-1)?.split('\n') ?? [];
  expect(last[0]).toBe('event: result');
  expect(JSON.parse(last[1]?.slice('data: '.length) ?? '')).toMatchObject({
    state: 'completed',
    result: { predictions: [{ prediction: 12.5 }] },
  });
});

/** A receiver that refuses the first `refusals` callbacks. */
async function receive(refusals: number) {
  const heard: { headers: IncomingMessage['headers']; body: string }[] = [];
  const server: Server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    heard.push({ headers: request.headers, body });
    response.writeHead(heard.length <= refusals ? 500 : 204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  return { heard, url, close: () => server.close() };
}

test('whoever left a callback hears the result, signed with the secret that was told once', async () => {
  const { heard, url, close } = await receive(0);
  const { location, body } = await submit({ rows: [row], callback: { url } });
  const secret = body.callback?.secret ?? '';
  await waitFor('the callback', () => heard.length > 0);
  const { headers, body: told } = heard[0] as (typeof heard)[number];
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${told}`;
  expect(headers['webhook-signature']).toBe(
    `v1,${createHmac('sha256', key).update(signed).digest('base64')}`,
  );
  expect(headers['webhook-id']).toBe(body.id);
  expect(JSON.parse(told)).toMatchObject({
    type: 'prediction.completed',
    data: { id: body.id, result: { predictions: [{ prediction: 12.5 }] } },
  });
  await waitFor(
    'the callback to be settled',
    async () => (await look(location)).callback?.state === 'delivered',
  );
  expect((await look(location)).callback).not.toHaveProperty('secret');
  close();
});

test('a callback that is refused is told again later, and why is shown', async () => {
  const { heard, url, close } = await receive(1);
  const { location } = await submit({ rows: [row], callback: { url } });
  await waitFor('the refusal to be noted', async () => (await look(location)).callback?.attempts === 1);
  expect((await look(location)).callback).toMatchObject({
    state: 'pending',
    error: 'it answered with status 500',
  });
  await waitFor('the second try', () => heard.length === 2);
  expect(heard[1]?.headers['webhook-id']).toBe(heard[0]?.headers['webhook-id']);
  await waitFor(
    'the callback to be settled',
    async () => (await look(location)).callback?.state === 'delivered',
  );
  close();
});

const wrong: [string, unknown, Record<string, string>, string, string][] = [
  ['a row beside which nothing may stand', row, {}, 'PREDICT_ROWS_INVALID', 'rows'],
  ['an option that is none', { rows: [row], explian: 1 }, {}, 'PREDICT_OPTION_INVALID', 'explian'],
  ['a callback that is none', { rows: [row], callback: 'x' }, {}, 'CALLBACK_INVALID', 'callback'],
  ['a callback without an address', { rows: [row], callback: {} }, {}, 'CALLBACK_INVALID', 'callback.url'],
  [
    'an address that is none',
    { rows: [row], callback: { url: 'x' } },
    {},
    'CALLBACK_INVALID',
    'callback.url',
  ],
  [
    'an address with a password',
    { rows: [row], callback: { url: 'https://me:pw@x.example/' } },
    {},
    'CALLBACK_INVALID',
    'callback.url',
  ],
  [
    'a secret that is none',
    { rows: [row], callback: { url: 'https://x.example/', secret: 'abc' } },
    {},
    'CALLBACK_INVALID',
    'callback.secret',
  ],
  [
    'a key with spaces',
    { rows: [row] },
    { 'idempotency-key': 'a b' },
    'IDEMPOTENCY_KEY_INVALID',
    'idempotency-key',
  ],
];
test.each(wrong)('%s is refused with what to do', async (_what, body, headers, code, field) => {
  const answer = await submit(body, headers);
  expect(answer).toMatchObject({ status: 400, body: { code, field } });
});

test('a system that nobody applied is not found, and no parameter is ignored', async () => {
  const post = (path: string) =>
    gateway.ask(path, { method: 'POST', body: JSON.stringify({ rows: [row] }), token: tokens.desk });
  expect((await post('/v1/systems/cold/requests')).status).toBe(404);
  expect(await (await post('/v1/systems/heat/requests?wait=1')).json()).toMatchObject({
    code: 'QUERY_INVALID',
  });
});
