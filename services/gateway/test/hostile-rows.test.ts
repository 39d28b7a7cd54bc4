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
