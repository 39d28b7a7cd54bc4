import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type NatsForTests, startNats, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type World, world } from './peers.js';
import {
  openBus,
  type RunningGateway,
  startGateway,
  tellApplied,
  tellDeployment,
  tokens,
} from './platform.js';

let nats: NatsForTests;
let state: World;
let gateway: RunningGateway;

beforeAll(async () => {
  nats = await startNats();
  state = world();
  gateway = await startGateway(nats, state);
  state.epoch = 1n;
  const bus = await openBus(nats);
  await tellApplied(bus, 'heat');
  await tellDeployment(bus, state.epoch);
  await bus.close();
});

afterAll(async () => {
  await gateway?.stop();
  await nats?.stop();
});

interface Sent {
  readonly socket: Socket;
  /** What came back so far. */
  text(): string;
}

/** Sends `part` of a body that is announced as `length` bytes long, and leaves the connection open. */
function sendPart(path: string, part: string, length: number, headers: Record<string, string>): Sent {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  const lines = Object.entries({ host: 'localhost', 'content-length': String(length), ...headers });
  socket.write(`POST ${path} HTTP/1.1\r\n${lines.map(([k, v]) => `${k}: ${v}\r\n`).join('')}\r\n${part}`);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  return { socket, text: () => text };
}

const authorization = `Bearer ${tokens.desk}`;

test.each(['/v1/systems/heat/predict', '/v2/models/heat/infer'])(
  'half a body for %s is waited for within the time of the request, and then the connection closes',
  async (path) => {
    const sent = sendPart(path, '{"hour":', 100, { authorization, 'perennial-timeout-ms': '200' });
    await once(sent.socket, 'close');
    expect(sent.text()).toMatch(/^HTTP\/1\.1 408 [\s\S]*connection: close/i);
    expect(sent.text()).toContain('8 bytes of it came');
  },
);

test('half a body keeps nothing from being settled', async () => {
  const sent = sendPart('/v1/systems/heat/predict', '{"hour":', 100, { authorization });
  await once(sent.socket, 'connect');
  const watermark = await gateway.ask('/v1/systems/heat/watermark?wait=5000');
  expect(await watermark.json()).toMatchObject({ settled: true });
  expect(sent.text()).toBe('');
  sent.socket.destroy();
});

test('an upload may take longer than a prediction', async () => {
  const csv = 'hour,outside\n2024-01-01,3\n';
  const headers = { authorization, 'perennial-timeout-ms': '1', 'content-type': 'text/csv' };
  const upload = sendPart('/v1/sources/meter/rows', csv.slice(0, 20), csv.length, headers);
  await waitFor('ingest to hear of it', () => state.rowsTaken.length === 1);
  const late = sendPart('/v1/systems/heat/predict', '{', 100, {
    authorization,
    'perennial-timeout-ms': '100',
  });
  await once(late.socket, 'close');
  expect(upload.text()).toBe('');
  upload.socket.write(csv.slice(20));
  await waitFor('the answer', () => upload.text().includes(`"taken":${csv.length}`));
  expect(upload.text()).toMatch(/^HTTP\/1\.1 200 /);
  upload.socket.destroy();
});

test('somebody unknown is answered at once, and the rest of the body is not waited for without end', async () => {
  const sent = sendPart('/v1/sources/meter/rows', 'hour', 1_000_000, {});
  await waitFor('the answer', () => sent.text().startsWith('HTTP/1.1 401 '));
  await once(sent.socket, 'close');
}, 15_000);
