import { type Bus, follow } from '@perennial/bus';
import { oip, predictionFilter, RouteRole, SegmentKind } from '@perennial/contracts';
import { createClient } from '@perennial/service';
import { type NatsForTests, startNats, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gatewayLimits } from '../src/limits.js';
import { inferRequest, type World, world } from './peers.js';
import {
  openBus,
  type RunningGateway,
  startGateway,
  tellApplied,
  tellDeployment,
  tokens,
} from './platform.js';

let nats: NatsForTests;
let bus: Bus;
let state: World;
let gateway: RunningGateway;
const stopFollowing = new AbortController();
/** Every prediction event on the bus, as it came. */
const recorded: Event[] = [];

beforeAll(async () => {
  nats = await startNats();
  bus = await openBus(nats);
  state = world();
  gateway = await startGateway(nats, state);
  follow(bus, {
    stream: 'PREDICTION',
    filter: predictionFilter,
    from: 'all',
    signal: stopFollowing.signal,
    onMessage: ({ data, subject }) => {
      expect(subject).toBe('obs.default.prediction.heat');
      recorded.push(...(JSON.parse(Buffer.from(data).toString()) as { predictions: Event[] }).predictions);
    },
  });
  await tellApplied(bus, 'heat');
  await serve([{ role: RouteRole.CHAMPION, version: 1 }]);
});

afterAll(async () => {
  stopFollowing.abort();
  await gateway?.stop();
  await bus?.close();
  await nats?.stop();
});

/** Tells a new epoch and waits until the gateway serves it. */
async function serve(routes: Parameters<typeof tellDeployment>[2]): Promise<void> {
  state.epoch += 1n;
  await tellDeployment(bus, state.epoch, routes);
  await waitFor('the new epoch', async () => {
    const response = await gateway.ask('/v1/systems/heat/watermark');
    return ((await response.json()) as { settled: boolean }).settled;
  });
}

const post = (path: string, body: unknown, init: Parameters<RunningGateway['ask']>[1] = {}) =>
  gateway.ask(path, { method: 'POST', body: JSON.stringify(body), ...init });
const row = { hour: '2024-03-01T06:00:00Z', outside: 2.5 };

interface Event {
  predictionId: string;
  status: string;
  transport: string;
  caller?: string;
  rows?: { provided: string[]; answers: { version: number; served?: boolean; value: number }[] }[];
}

async function eventOf(predictionId: string): Promise<Event> {
  const mine = () => recorded.find((event) => event.predictionId === predictionId);
  await waitFor('the prediction event', () => mine() !== undefined);
  return mine() as Event;
}

interface Predicted {
  predictions: { prediction_id: string; prediction: number; model_version: number; provided: string[] }[];
}

test('a row is answered with the features that the platform keeps, and recorded once', async () => {
  const response = await post('/v1/systems/heat/predict', row);
  expect(response.status).toBe(200);
  const [answer] = ((await response.json()) as Predicted).predictions;
  expect(answer).toMatchObject({ prediction: 12.5, model_version: 1, provided: ['outside'] });
  const event = await eventOf(answer?.prediction_id ?? '');
  expect(event).toMatchObject({ status: 'OK', transport: 'http/v1' });
  expect(event.rows?.[0]?.answers).toEqual([
    { role: 'ROUTE_ROLE_CHAMPION', version: 1, value: 12.5, served: true, propensity: 1 },
  ]);
});

test('rows that bring all features need nobody else, and many are answered in their order', async () => {
  const rows = Array.from({ length: 40 }, (_, at) => ({ ...row, outside: at, yesterday: 1 }));
  const { predictions } = (await (await post('/v1/systems/heat/predict', { rows })).json()) as Predicted;
  expect(predictions.map(({ prediction }) => prediction)).toEqual(rows.map(({ outside }) => outside + 1));
});

test('an outage of the features is a delay and no failure', async () => {
  state.featuresAway = 3;
  expect((await post('/v1/systems/heat/predict', row)).status).toBe(200);
});

test('a shadow answers beside, is recorded and never served', async () => {
  await serve([
    { role: RouteRole.CHAMPION, version: 2 },
    { role: RouteRole.SHADOW, version: 1, weight: 0 },
  ]);
  const [answer] = ((await (await post('/v1/systems/heat/predict', row)).json()) as Predicted).predictions;
  expect(answer?.model_version).toBe(2);
  const { rows } = await eventOf(answer?.prediction_id ?? '');
  expect(rows?.[0]?.answers.map(({ version, served }) => [version, served ?? false]).sort()).toEqual([
    [1, false],
    [2, true],
  ]);
});

test('the Open Inference Protocol answers over HTTP in JSON and in bytes', async () => {
  const metadata = await (await gateway.ask('/v2/models/heat')).json();
  expect(metadata).toMatchObject({
    name: 'heat',
    inputs: [{ name: 'outside', datatype: 'FP64', shape: [-1, 1] }, {}],
  });
  const inputs = ['outside', 'yesterday'].map((name) => ({
    name,
    datatype: 'FP64',
    shape: [2, 1],
    data: [1, 2],
  }));
  const json = (await (await post('/v2/models/heat/infer', { id: 'mine', inputs })).json()) as {
    id: string;
    outputs: { data: number[] }[];
  };
  expect(json.id).toBe('mine');
  expect(json.outputs[0]?.data).toEqual([2, 4]);
  const binary = await post('/v2/models/heat/infer', { inputs, parameters: { binary_data_output: true } });
  const header = Number(binary.headers.get('inference-header-content-length'));
  const tail = (await binary.arrayBuffer()).slice(header);
  expect([...new Float64Array(tail)]).toEqual([2, 4]);
});

test('gRPC answers the same, adds features as of event_time, and wants the token too', async () => {
  const metadata = { authorization: `Bearer ${tokens.desk}` };
  const client = createClient(oip.GRPCInferenceService, gateway.grpcAddress);
  try {
    const response = await client.modelInfer(inferRequest('heat', { outside: 2.5 }, row.hour), { metadata });
    expect(Buffer.from(response.rawOutputContents[0] ?? []).readDoubleLE()).toBe(12.5);
    const id = response.parameters['prediction_id']?.parameterChoice.value;
    expect(await eventOf(String(id))).toMatchObject({ transport: 'grpc/v2', status: 'OK' });
    expect((await client.serverLive({})).live).toBe(true);
    await expect(client.modelInfer(inferRequest('heat', { outside: 1 }))).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    await expect(client.modelInfer(inferRequest('cold', { outside: 1 }), { metadata })).rejects.toMatchObject(
      {
        code: 'SYSTEM_NOT_FOUND',
      },
    );
  } finally {
    client.close();
  }
});

test('a request that fails is recorded under the reason', async () => {
  const before = recorded.length;
  const response = await post('/v2/models/heat/infer', { inputs: [{ name: 'outside' }] });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: expect.stringContaining('outside') });
  await waitFor('its event', () => recorded.length > before);
  const event = recorded.at(-1);
  expect(event).toMatchObject({ status: 'INFER_BODY_INVALID', transport: 'http/v2' });
});

test.each([
  ['GET', '/v1/systems', 401],
  ['POST', '/v1/systems/heat/predict', 401],
  ['GET', '/v1/no-such-route', 401],
  ['POST', '/v2/models/heat/infer', 401],
  ['GET', '/v2/health/live', 200],
  ['GET', '/v2/health/ready', 200],
])('without a token %s %s answers %i', async (method, path, status) => {
  const response = await gateway.ask(path, { method, token: '' });
  expect(response.status).toBe(status);
  if (status === 401) expect(response.headers.get('www-authenticate')).toContain('Bearer');
  expect((await gateway.ask(path, { method, token: 'guessed' })).status).toBe(status);
});

test('a client predicts and may not change anything', async () => {
  const as = { token: tokens.desk };
  expect((await post('/v1/systems/heat/predict', row, as)).status).toBe(200);
  const refused = await post('/v1/systems/heat/rollback', {}, as);
  expect(refused.status).toBe(403);
  expect(await refused.json()).toMatchObject({ code: 'FORBIDDEN' });
});

test.each([
  ['an unknown route', 'GET', '/v1/no-such-route', undefined, 404, { code: 'ROUTE_NOT_FOUND' }],
  ['an unknown system', 'POST', '/v1/systems/cold/predict', row, 404, { code: 'SYSTEM_NOT_FOUND' }],
  [
    'a system that is no name',
    'GET',
    '/v1/systems/..%2f..%2fetc',
    undefined,
    400,
    { code: 'NAME_INVALID', field: 'system' },
  ],
  ['a subject for a system', 'POST', '/v1/systems/heat.%3E/predict', row, 404, { code: 'SYSTEM_NOT_FOUND' }],
  ['a malformed escape', 'POST', '/v1/systems/%zz/predict', row, 400, { code: 'PATH_INVALID' }],
  ['a wrong verb', 'DELETE', '/v1/systems/heat/predict', undefined, 405, { code: 'METHOD_NOT_ALLOWED' }],
  [
    'a feature of a wrong type',
    'POST',
    '/v1/systems/heat/predict',
    { ...row, outside: 'x', yesterday: 1 },
    400,
    { code: 'FEATURE_INVALID', field: 'rows[0].outside' },
  ],
  [
    'a time that is none',
    'POST',
    '/v1/systems/heat/predict',
    { hour: 'noon', outside: 1, yesterday: 1 },
    400,
    { code: 'EVENT_TIME_INVALID', field: 'rows[0].hour' },
  ],
  [
    'a missing field',
    'POST',
    '/v1/systems/heat/promote',
    { reason: 'x' },
    400,
    { code: 'BODY_INVALID', field: 'reference' },
  ],
  [
    'an unknown field',
    'POST',
    '/v1/systems/heat/rollback',
    { raeson: 'x' },
    400,
    { code: 'BODY_INVALID', field: 'raeson' },
  ],
  [
    'a field of a wrong type',
    'POST',
    '/v1/systems/heat/rollback',
    { reason: 3 },
    400,
    { code: 'BODY_INVALID', field: 'reason' },
  ],
  [
    'a query that is no number',
    'GET',
    '/v1/systems/heat/watermark?wait=soon',
    undefined,
    400,
    { code: 'QUERY_INVALID', field: 'wait' },
  ],
])('%s is answered with a problem that names it', async (_what, method, path, body, status, problem) => {
  const response = await gateway.ask(path, { method, ...(body && { body: JSON.stringify(body) }) });
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  expect(await response.json()).toMatchObject({ ...problem, status, detail: expect.any(String) });
});

test.each([
  ['/v1/systems/heat/predict', 17 * 2 ** 20],
  ['/v1/systems', gatewayLimits.controlBodyBytesMax + 1],
])('a body over the limit of %s is refused', async (path, bytes) => {
  const response = await gateway.ask(path, { method: 'POST', body: Buffer.alloc(bytes, ' ') });
  expect(response.status).toBe(413);
  expect(await response.json()).toMatchObject({ code: 'BODY_TOO_LARGE' });
});

test('answers are ProtoJSON with the names of the contracts, defaults written', async () => {
  expect(await (await gateway.ask('/v1/systems')).json()).toEqual({
    systems: [{ system: 'heat', version: 0, purpose: '', champion: 0, held: false, activity: '' }],
  });
  const applied = await gateway.ask('/v1/systems?dry-run=true', { method: 'POST', body: 'kind: System' });
  expect(await applied.json()).toMatchObject({ system: 'root', version: 0, created: true, changes: [] });
  const repaired = await post('/v1/quarantine/repair', { source: 'meter', column: 'a', expression: 'a * 2' });
  expect(await repaired.json()).toMatchObject({ rows_repaired: 20 });
  expect(state.repaired).toEqual([{ source: 'meter', column: 'a', expression: 'a * 2', repairedBy: 'root' }]);
  const letters = (await (await gateway.ask('/v1/dead-letters')).json()) as { dead_letters: object[] };
  expect(letters.dead_letters).toContainEqual(
    expect.objectContaining({ service: 'monitor', code: 'EVENT_MALFORMED' }),
  );
  expect(await (await gateway.ask('/v1/audit/events?limit=10')).json()).toMatchObject({
    events: [{ index: '90', event_type: 'limit:10' }],
  });
});

test('held rows are decided over by whose token it is, and anomalies are asked for by source', async () => {
  const released = await post('/v1/quarantine/release', { source: 'meter', reason: 'a true storm' });
  expect(await released.json()).toMatchObject({ repair_id: 'root: a true storm' });
  const discarded = await post('/v1/quarantine/discard', { quarantine_id: 'q', reason: 'broken' });
  expect(await discarded.json()).toMatchObject({ discard_id: 'root: broken' });
  const again = await post('/v1/quarantine/revalidate', { source: 'meter' });
  expect(await again.json()).toMatchObject({ repair_id: 'meter', rows_verified: 3 });
  expect((await post('/v1/quarantine/release', { source: 'meter' })).status).toBe(400);
  const listed = await gateway.ask('/v1/sources/meter/anomalies?type=range&limit=7');
  expect(await listed.json()).toMatchObject({
    anomalies: [{ source: 'meter', finding: { type: 'range', rows: 7 } }],
  });
  expect((await gateway.ask('/v1/sources/meter/anomalies?limt=7')).status).toBe(400);
  const checked = await post('/v1/sources/meter/check', { rows: [{ a: 1 }], environment: 'serving' });
  expect(await checked.json()).toMatchObject({ rows_checked: 1, findings: [{ rule: 'serving' }] });
});

test('a shadow is removed with a body on DELETE', async () => {
  const response = await gateway.ask('/v1/systems/heat/shadows', {
    method: 'DELETE',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ reference: '1' }),
  });
  expect(await response.json()).toMatchObject({ served: true });
});

test('a rollout is cancelled with a body on DELETE', async () => {
  const init = { method: 'DELETE', body: JSON.stringify({ reason: 'stuck' }) };
  const response = await gateway.ask('/v1/systems/heat/rollout', init);
  expect(await response.json()).toMatchObject({ rollout_id: 'stuck root', served: true });
});

test('rows go through to ingest as they come, under the name of whose token it is', async () => {
  const body = 'hour,outside\n'.repeat(200_000);
  const taken = await gateway.ask('/v1/sources/meter/rows', {
    method: 'POST',
    token: tokens.desk,
    headers: { 'content-type': 'text/csv' },
    body,
  });
  expect(await taken.json()).toMatchObject({ taken: body.length, refused: 0 });
  expect(state.rowsTaken.at(-1)).toEqual({
    source: 'meter',
    kind: SegmentKind.ROWS,
    producer: 'desk',
    format: 'csv',
    bytes: body.length,
  });
  const other = await gateway.ask('/v1/sources/meter/labels?format=csv&producer=garden', {
    method: 'POST',
    token: tokens.desk,
    body,
  });
  expect(await other.json()).toMatchObject({ code: 'PRODUCER_FORBIDDEN', field: 'producer' });
});

test('the watermark waits until everything is settled', async () => {
  state.progress = { work: [{ kind: 'training runs', count: 1 }] };
  const early = await gateway.ask('/v1/systems/heat/watermark?wait=50');
  expect(await early.json()).toEqual({ source: 'meter', rows: '', labels: '', settled: false });
  const waiting = gateway.ask('/v1/systems/heat/watermark?wait=20000');
  state.progress = {};
  expect(await (await waiting).json()).toMatchObject({ settled: true });
  // Something is told about models, and the registry serves what this gateway has not heard of.
  state.epoch += 1n;
  await tellApplied(bus, 'other');
  const unheard = await gateway.ask('/v1/systems/heat/watermark?wait=50');
  expect(await unheard.json()).toMatchObject({ settled: false });
  await tellDeployment(bus, state.epoch);
});

test('a rollback answers when this gateway serves it', async () => {
  state.onRollback = () => tellDeployment(bus, state.epoch, [{ role: RouteRole.CHAMPION, version: 7 }]);
  const moved = await post('/v1/systems/heat/rollback', { reason: 'test', requested_by: 'tester' });
  expect(await moved.json()).toMatchObject({ from_version: 2, to_version: 1, served: true });
  const [answer] = ((await (await post('/v1/systems/heat/predict', row)).json()) as Predicted).predictions;
  expect(answer?.model_version).toBe(7);
});

test('followers hear events as they happen', async () => {
  const stop = new AbortController();
  const response = await gateway.ask('/v1/events?follow=true', { signal: stop.signal });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  await tellApplied(bus, 'fresh');
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.includes('\n\n') && text.includes('data:')) break;
  }
  stop.abort();
  const event = JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? '{}');
  expect(event).toMatchObject({
    type: 'io.perennial.system.applied.v1',
    body: { system: 'fresh' },
    time: expect.any(String),
  });
});

test('an outage of the bus fails no prediction and loses no event', async () => {
  await nats.kill();
  const answers = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const response = await post('/v1/systems/heat/predict', row);
      return ((await response.json()) as Predicted).predictions[0]?.prediction_id ?? '';
    }),
  );
  await nats.restart();
  for (const id of answers) expect(await eventOf(id)).toMatchObject({ status: 'OK' });
  expect(new Set(recorded.map(({ predictionId }) => predictionId)).size).toBe(recorded.length);
});

test('a gateway that starts again serves at once what was told before', async () => {
  await gateway.stop();
  gateway = await startGateway(nats, state);
  const response = await post('/v1/systems/heat/predict', row);
  expect(response.status).toBe(200);
});
