import { request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { type Bus, follow } from '@perennial/bus';
import { type Prediction, predictionFilter, readPredictions } from '@perennial/contracts';
import { type NatsForTests, startNats, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openAccessHouse } from '../../../registry/test/access/house.js';
import { type World, world } from '../peers.js';
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
const stopFollowing = new AbortController();
const recorded: Prediction[] = [];

beforeAll(async () => {
  nats = await startNats();
  bus = await openBus(nats);
  house = await openAccessHouse((key) => tellKey(bus, key));
  state = world();
  state.real = [house.service];
  gateway = await startGateway(nats, state);
  follow(bus, {
    stream: 'PREDICTION',
    filter: predictionFilter,
    from: 'all',
    signal: stopFollowing.signal,
    onMessage: ({ data }) => void recorded.push(...readPredictions(data).predictions),
  });
  await tellApplied(bus, 'heat');
  await tellDeployment(bus, 1n);
  await waitFor('the deployment', async () => (await gateway.ask('/v2/models/heat/ready')).status === 200);
});

afterAll(async () => {
  stopFollowing.abort();
  await gateway?.stop();
  await house?.close();
  await bus?.close();
  await nats?.stop();
});

interface Answer {
  readonly status: number | undefined;
  /** Names and values in their order, but for the time, and the length of what packs an id. */
  readonly headers: readonly string[];
  readonly body: string;
}

function ask(path: string, headers: Record<string, string>, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(gateway.url + path, { method: 'POST', headers }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => {
        const { statusCode: status, rawHeaders } = response;
        const isPacked = response.headers['content-encoding'] === 'gzip';
        const whole = Buffer.concat(parts);
        const variable = isPacked ? ['date', 'content-length'] : ['date'];
        const told = rawHeaders.map((text, at) =>
          variable.includes(rawHeaders[at - 1]?.toLowerCase() ?? '') ? '' : text,
        );
        const plain = (isPacked ? gunzipSync(whole) : whole)
          .toString('latin1')
          .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID');
        resolve({ status, headers: told, body: plain });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

const tensors = (name = 'outside', more: object = {}) => ({
  inputs: [name, 'yesterday'].map((input) => ({
    name: input,
    datatype: 'FP64',
    shape: [2, 1],
    data: [1, 2],
  })),
  ...more,
});

async function limited(limits: object): Promise<string> {
  const response = await gateway.ask('/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ name: `limited-${Math.random()}`, role: 'client', limits }),
  });
  return ((await response.json()) as { secret: string }).secret;
}

const path = '/v2/models/heat/infer';
const cases: readonly [string, string, () => Promise<string> | string, Record<string, string>, string][] = [
  ['an inference', path, () => tokens.desk, {}, JSON.stringify(tensors('outside', { id: 'mine' }))],
  ['one of a version', '/v2/models/heat/versions/1/infer', () => tokens.desk, {}, JSON.stringify(tensors())],
  [
    'one answered in bytes',
    path,
    () => tokens.desk,
    {},
    JSON.stringify(tensors('outside', { parameters: { binary_data_output: true } })),
  ],
  ['no JSON', path, () => tokens.desk, {}, '{"inputs"'],
  ['an unknown input', path, () => tokens.desk, {}, JSON.stringify(tensors('inside'))],
  [
    'an unknown version',
    '/v2/models/heat/versions/9/infer',
    () => tokens.desk,
    {},
    JSON.stringify(tensors()),
  ],
  ['an unknown model', '/v2/models/cold/infer', () => tokens.desk, {}, JSON.stringify(tensors())],
  ['a strange time', path, () => tokens.desk, { 'perennial-timeout-ms': 'soon' }, JSON.stringify(tensors())],
  [
    'a strange length of its head',
    path,
    () => tokens.desk,
    { 'inference-header-content-length': '-1' },
    '{}',
  ],
  ['nobody', path, () => 'guessed', {}, JSON.stringify(tensors())],
  [
    'a key with limits',
    path,
    () => limited({ requests_per_second: 0.001, burst: 9, rows_per_day: 100 }),
    {},
    JSON.stringify(tensors()),
  ],
  ['a key without rows left', path, () => limited({ rows_per_day: 1 }), {}, JSON.stringify(tensors())],
  [
    'a packed answer',
    path,
    () => tokens.desk,
    { 'accept-encoding': 'gzip' },
    JSON.stringify({
      inputs: ['outside', 'yesterday'].map((name) => ({
        name,
        datatype: 'FP64',
        shape: [4_000, 1],
        data: Array.from({ length: 4_000 }, (_, at) => at + 0.5),
      })),
    }),
  ],
];

test.each(cases)(
  '%s is answered and recorded in the fast lane as by node:http',
  async (_what, at, token, more, body) => {
    // Each way with a key of its own: an allowance is used once.
    const outcomes = [];
    for (const way of [{}, { te: 'trailers' }]) {
      const before = recorded.length;
      const headers = {
        authorization: `Bearer ${await token()}`,
        'content-length': String(Buffer.byteLength(body)),
      };
      const answer = await ask(at, { ...headers, ...more, ...way }, body);
      const isRecorded =
        !/unknown model: 'cold'|strange|authorization/.test(answer.body) && answer.status !== 401;
      if (isRecorded && !('perennial-timeout-ms' in more))
        await waitFor('its event', () => recorded.length > before);
      const { status, rowCount, transport, rows } = recorded[before] ?? {};
      outcomes.push({ ...answer, event: { status, rowCount, transport, rows } });
    }
    const [lane, node] = outcomes;
    expect(lane).toEqual(node);
  },
);
