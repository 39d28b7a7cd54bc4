import { request } from 'node:http';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { openArtifacts } from '@perennial/artifacts';
import { digestOf } from '@perennial/kernel';
import { node, writeModel } from '@perennial/onnx';
import { type NatsForTests, startNats, tempDir } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { importLimits } from '../../src/control/import-model.js';
import { world } from '../peers.js';
import { openBus, type RunningGateway, startGateway, tellDeployment, tellKey, tokens } from '../platform.js';

const state = world();
const artifactsUrl = `file://${tempDir('artifacts')}`;
let nats: NatsForTests;
let gateway: RunningGateway;

beforeAll(async () => {
  vi.stubEnv('ARTIFACTS_URL', artifactsUrl);
  nats = await startNats();
  gateway = await startGateway(nats, state);
});

afterAll(async () => {
  await gateway.stop();
  await nats.stop();
  vi.unstubAllEnvs();
});

const file = writeModel({
  producer: 'test',
  producerVersion: '1',
  opsets: { '': 21 },
  graph: {
    name: 'g',
    inputs: [{ name: 'image', type: 'float', dims: ['N', 3, 8, 8] }],
    outputs: [{ name: 'same', type: 'float', dims: ['N', 3, 8, 8] }],
    constants: [],
    nodes: [node('Identity', ['image'], 'same')],
  },
});

const send = (body: NonNullable<RequestInit['body']>, query = '', token: string = tokens.root) =>
  gateway.ask(`/v1/models/price/versions${query}`, { method: 'POST', body, token });

test('a model file is checked, kept under its digest, and given its version with what it takes and gives', async () => {
  const response = await send(file, '?promote=false');
  expect(response.status).toBe(201);
  expect(await response.json()).toMatchObject({
    name: 'price',
    version: 1,
    created: true,
    digest: digestOf(file),
    inputs: [{ name: 'image', datatype: 'FP32', shape: ['-1', '3', '8', '8'] }],
    outputs: [{ name: 'same', datatype: 'FP32' }],
  });
  expect(state.imported).toMatchObject([
    {
      name: 'price',
      digest: digestOf(file),
      bytes: BigInt(file.length),
      promote: false,
      requestedBy: 'root',
    },
  ]);
  const artifacts = await openArtifacts({ url: artifactsUrl });
  expect(await artifacts.get(digestOf(file))).toEqual(Buffer.from(file));
});

test('what is no servable model is refused before the registry hears of it', async () => {
  const before = state.imported.length;
  const codes = [];
  for (const [body, query] of [
    ['no model', ''],
    ['', ''],
    [file.subarray(0, file.length - 7), ''],
    [file, '?promote=perhaps'],
    [file, '?promotion=true'],
  ] as const) {
    const response = await send(body, query);
    codes.push([response.status, ((await response.json()) as { code: string }).code]);
  }
  expect(codes).toEqual([
    [400, 'MODEL_MALFORMED'],
    [400, 'BODY_INVALID'],
    [400, 'MODEL_MALFORMED'],
    [400, 'QUERY_INVALID'],
    [400, 'QUERY_INVALID'],
  ]);
  expect((await send(file, '', tokens.desk)).status).toBe(403);
  expect(state.imported).toHaveLength(before);
});

test('a graph of models is checked against what they take and give, and kept like a file', async () => {
  const bus = await openBus(nats);
  await tellDeployment(bus, 1n);
  await vi.waitFor(async () => expect((await gateway.ask('/v2/models/heat/ready')).status).toBe(200));
  const declare = (graph: unknown, token: string = tokens.root) =>
    gateway.ask('/v1/models/warmth/versions', {
      token,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(graph),
    });
  const heat = {
    name: 'heat',
    model: 'heat',
    inputs: { outside: 'outside', yesterday: 'yesterday' },
    outputs: { prediction: 'celsius' },
  };
  const kelvin = {
    name: 'kelvin',
    transform: 'scale',
    inputs: { in: 'celsius' },
    outputs: { out: 'kelvin' },
    parameters: [1, 273.15],
  };
  const response = await declare({ steps: [kelvin, heat] });
  expect([response.status, await response.json()]).toMatchObject([
    201,
    {
      inputs: [
        { name: 'outside', datatype: 'FP64', shape: ['-1', '1'] },
        { name: 'yesterday', datatype: 'FP64', shape: ['-1', '1'] },
      ],
      outputs: [{ name: 'kelvin', datatype: 'FP64', shape: ['-1', '1'] }],
    },
  ]);
  expect(state.imported.at(-1)).toMatchObject({
    name: 'warmth',
    graph: { steps: [{ model: 'heat' }, { transform: 'scale' }], outputs: ['kelvin'] },
  });
  for (const [graph, field] of [
    [{ steps: [{ ...heat, model: 'cold' }] }, 'heat'],
    [{ steps: [kelvin] }, 'kelvin'],
    [{ steps: [{ ...kelvin, transforms: 'scale' }] }, 'steps[0].transforms'],
    [{ stepps: [] }, 'body.stepps'],
    [{ steps: [heat, { ...kelvin, transform: 'constructor' }] }, 'kelvin'],
  ] as const) {
    const refused = await declare(graph);
    expect([refused.status, await refused.json()]).toMatchObject([400, { code: 'GRAPH_INVALID', field }]);
  }
  await tellKey(bus, {
    keyId: '00112233445566ff',
    epoch: 1n,
    name: 'scoped',
    role: 'operator',
    scope: { systems: ['warmth'] },
    secrets: [{ sha256: digestOf('pk_scoped').slice('sha256:'.length) }],
    expiresAt: timestampFromMs(Date.now() + 60_000),
  });
  const asScoped = async (graph: unknown) => {
    const refused = await declare(graph, 'pk_scoped');
    return [refused.status, ((await refused.json()) as { code: string }).code];
  };
  await vi.waitFor(async () => expect(await asScoped({ steps: [] })).toEqual([400, 'GRAPH_INVALID']));
  // It would answer with what `heat` answers, which the key may not ask.
  expect(await asScoped({ steps: [heat] })).toEqual([403, 'FORBIDDEN']);
  await bus.close();
});

test('a file that is announced over the limit is refused before it comes', async () => {
  const { port, hostname } = new URL(gateway.url);
  const status = await new Promise<number>((resolve, reject) => {
    const sent = request(
      {
        port,
        hostname,
        path: '/v1/models/price/versions',
        method: 'POST',
        headers: {
          authorization: `Bearer ${tokens.root}`,
          'content-length': importLimits.modelBytesMax + 1,
        },
      },
      (response) => {
        resolve(response.statusCode ?? 0);
        sent.destroy();
      },
    );
    sent.on('error', reject);
    sent.write('the beginning');
  });
  expect(status).toBe(413);
});

test('an unknown field of routes, and two clocks at once, are refused by name', async () => {
  const put = (body: unknown) =>
    gateway.ask('/v1/models/price/routes', { method: 'PUT', body: JSON.stringify(body) });
  const wrong = await put({ variants: [{ version: 1, wait: 1 }] });
  expect(wrong.status).toBe(400);
  expect(await wrong.json()).toMatchObject({ code: 'BODY_INVALID', field: 'wait' });
  expect((await put({ variants: [{ version: 1, weight: 1 }] })).status).toBe(200);
  expect(state.routes).toMatchObject([
    { name: 'price', variants: [{ version: 1, weight: 1 }], requestedBy: 'root' },
  ]);
  const live = async (query: string) => {
    const response = await gateway.ask(`/v1/live/price${query}`);
    return (await response.json()) as Record<string, unknown>;
  };
  expect(await live('?at=1&data-time=2012-07-01')).toMatchObject({ code: 'QUERY_INVALID' });
  expect(await live('?when=2012')).toMatchObject({ code: 'QUERY_INVALID', field: 'when' });
  expect(await live('?at=yesterday')).toMatchObject({ code: 'EVENT_TIME_INVALID' });
  for (const query of ['', '?at=17', '?at=2026-01-01', '?data-time=2012-07-01']) await live(query);
  expect(state.momentsAsked).toEqual([undefined, 'sequence', 'at', 'dataTime']);
});
