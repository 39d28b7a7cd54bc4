import type { Bus } from '@perennial/bus';
import { RouteRole } from '@perennial/contracts';
import { type NatsForTests, startNats, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { world } from './peers.js';
import { openBus, type RunningGateway, startGateway, tellApplied, tellDeployment } from './platform.js';

let nats: NatsForTests;
let bus: Bus;
let gateway: RunningGateway;

beforeAll(async () => {
  nats = await startNats();
  bus = await openBus(nats);
  const state = world();
  gateway = await startGateway(nats, state);
  await tellApplied(bus, 'heat');
  state.epoch += 1n;
  await tellDeployment(bus, state.epoch, [{ role: RouteRole.CHAMPION, version: 1 }]);
  await waitFor('the deployment', isSettled);
});

afterAll(async () => {
  await gateway?.stop();
  await bus?.close();
  await nats?.stop();
});

async function isSettled(): Promise<boolean> {
  return ((await (await gateway.ask('/v1/systems/heat/watermark')).json()) as { settled: boolean }).settled;
}

// An unhandled error would end the process, here the test run: each of these once did.
test.each([
  ['a number beyond all doubles', '{"hour":"2024-03-01T06:00:00Z","outside":1e999,"yesterday":1}', 400],
  ['a time after the year 9999', '{"hour":8000000000000000,"outside":1,"yesterday":1}', 400],
  ['a time before the year 1', '{"hour":-9e15,"outside":1,"yesterday":1}', 400],
  ['a time beyond all calendars', '{"hour":1e300,"outside":1}', 400],
  ['a part of a millisecond', '{"hour":1709272800000.25,"outside":1,"yesterday":1}', 200],
])('%s in a row is answered, recorded and hurts nobody else', async (_what, body, status) => {
  const response = await gateway.ask('/v1/systems/heat/predict', { method: 'POST', body });
  expect(response.status).toBe(status);
  await waitFor('the event on the bus', isSettled);
});

const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
const many = '[],'.repeat(2_000_000);

test('a value that nests deeper than any tensor is refused at once, before it travels with the rows of others', async () => {
  const value = `${'['.repeat(80)}1${']'.repeat(80)}`;
  const body = `{"rows":[{"hour":"2024-03-01T06:00:00Z","outside":${value}}]}`;
  const response = await gateway.ask('/v1/systems/heat/predict', { method: 'POST', body });
  expect([response.status, await response.json()]).toMatchObject([
    400,
    { code: 'FEATURE_INVALID', field: 'rows[0].outside' },
  ]);
});

test.each([
  ['requests', 'POST', '/v1/systems/heat/requests', '{"rows":[{"outside":1e999}]}', 400],
  ['predict', 'POST', '/v1/systems/heat/predict', `{"rows":[${many}[]]}`, 413],
  ['predict', 'POST', '/v1/systems/heat/predict', `{"rows":[{"outside":${deep}}]}`, 400],
  ['requests', 'POST', '/v1/systems/heat/requests', `{"rows":[{"outside":${deep}}]}`, 400],
  ['keys', 'POST', '/v1/keys', `{"name":${deep},"role":"client"}`, 400],
  ['load', 'POST', '/v2/repository/models/heat/load', `{"parameters":${deep}}`, 400],
])(
  'a body for %s that only its parsing makes dear is refused before',
  async (_, method, path, body, status) => {
    const response = await gateway.ask(path, { method, body });
    expect(response.status).toBe(status);
  },
);
