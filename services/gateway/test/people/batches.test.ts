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

beforeAll(async () => {
  process.env['ARTIFACTS_URL'] = `file://${tempDir('artifacts')}`;
  [nats, house] = await Promise.all([startNats(), openRequestsHouse()]);
  bus = await openBus(nats);
  state = world();
  state.real = [house.service];
  gateway = await startGateway(nats, state);
  await tellApplied(bus, 'heat');
  await tellDeployment(bus, 1n, [{ role: RouteRole.CHAMPION, version: 1 }]);
});

afterAll(async () => {
  await gateway?.stop();
  await house?.close();
  await bus?.close();
  await nats?.stop();
});

interface Shown {
  id: string;
  state: string;
  rows: { total: number; done: number; failed: number };
  error?: { code: string; detail: string };
  code?: string;
  field?: string;
}

async function send(body: string, query = '', contentType = 'text/csv') {
  const response = await gateway.ask(`/v1/systems/heat/batches${query}`, {
    method: 'POST',
    body,
    headers: { 'content-type': contentType },
    token: tokens.desk,
  });
  return { status: response.status, body: (await response.json()) as Shown };
}

const look = async (id: string) =>
  (await (await gateway.ask(`/v1/batches/${id}`, { token: tokens.desk })).json()) as Shown;
const until = (id: string, wanted: string) =>
  waitFor(`the batch to be ${wanted}`, async () => {
    const shown = await look(id);
    return shown.state === wanted && shown;
  });
const result = (id: string) => gateway.ask(`/v1/batches/${id}/result`, { token: tokens.desk });

/** Rows that bring all features: the model adds them up. */
const csv = (count: number) =>
  `hour,outside,yesterday\n${Array.from({ length: count }, (_, at) => `2024-03-01T06:00:00Z,${at},0.5\n`).join('')}`;

test('a file of CSV comes back with a prediction in every line, in its order', async () => {
  const { status, body } = await send(csv(2_500));
  expect(status).toBe(202);
  expect((await until(body.id, 'completed')).rows).toEqual({ total: 2_500, done: 2_500, failed: 0 });
  const response = await result(body.id);
  expect(response.headers.get('content-type')).toContain('text/csv');
  const [header, ...lines] = (await response.text()).trim().split('\n');
  expect(header).toBe(
    'hour,outside,yesterday,prediction,prediction_label,model_version,prediction_id,prediction_error',
  );
  expect(lines).toHaveLength(2_500);
  lines.forEach((line, at) => {
    const [hour, outside, , prediction, , version, id, error] = line.split(',');
    expect([hour, outside, Number(prediction), version, error]).toEqual([
      '2024-03-01T06:00:00Z',
      String(at),
      at + 0.5,
      '1',
      '',
    ]);
    expect(id).toMatch(/^[0-9a-f-]{36}/);
  });
  expect(new Set(lines.map((line) => line.split(',')[6])).size).toBe(2_500);
});

test('JSON lines come back as JSON lines; a row that is wrong says why, and its neighbours are answered', async () => {
  const lines = [
    { hour: '2024-03-01T06:00:00Z', outside: 1, yesterday: 2, note: 'kept' },
    { hour: '2024-03-01T06:00:00Z', outside: 'warm', yesterday: 2 },
    { hour: '2024-03-01T06:00:00Z', outside: 3 },
  ].map((row) => JSON.stringify(row));
  const { body } = await send(
    [...lines, 'no json', '', '[1]'].join('\n'),
    '?format=jsonl',
    'application/octet-stream',
  );
  expect((await until(body.id, 'completed')).rows).toEqual({ total: 5, done: 5, failed: 3 });
  const answers = (await (await result(body.id)).text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  // A row of the same call needs what the platform keeps, which is 10 for everybody here.
  expect(answers[0]).toMatchObject({ note: 'kept', prediction: 11, model_version: 1 });
  expect(answers[1]?.['prediction_error']).toMatch(/^FEATURE_INVALID: outside must be a finite number/);
  expect(answers[2]).toMatchObject({ prediction: 13 });
  expect(answers[3]).toMatchObject({ line: 4, prediction_error: expect.stringMatching(/^ROW_MALFORMED/) });
  expect(answers[4]).toMatchObject({ line: 6 });
});

test('more rows that fail than are allowed fail the batch, which says one of them', async () => {
  const rows = Array.from({ length: 4 }, () => '2024-03-01T06:00:00Z,warm,1\n').join('');
  const { body } = await send(`hour,outside,yesterday\n${rows}`, '?errors-max=3');
  const { error } = await until(body.id, 'failed');
  expect(error).toMatchObject({
    code: 'BATCH_ROWS_FAILED',
    detail: expect.stringMatching(/line 2 .*FEATURE_INVALID/),
  });
  expect(await (await result(body.id)).json()).toMatchObject({
    status: 409,
    code: 'SUBMISSION_STATE_CONFLICT',
  });
});

test('a gateway that stops in the middle leaves the finished parts to the next one', async () => {
  let calls = 0;
  let release = () => {};
  // Parts of 1,024 rows are 32 calls each: the first is through, the second is not.
  state.onServe = () => {
    calls += 1;
    if (calls <= 40) return Promise.resolve();
    return new Promise((resolve) => {
      release = resolve;
    });
  };
  const { body } = await send(csv(2_100));
  await waitFor('the first part', async () => (await look(body.id)).rows.done === 1_024);
  const stopped = gateway.stop();
  release();
  state.onServe = async () => {
    calls += 1;
  };
  await stopped;
  calls = 0;
  gateway = await startGateway(nats, state);
  await until(body.id, 'completed');
  expect(calls).toBeLessThanOrEqual(Math.ceil((2_100 - 1_024) / 32) + 1);
  const lines = (await (await result(body.id)).text()).trim().split('\n').slice(1);
  expect(lines.map((line) => Number(line.split(',')[3]))).toEqual(
    Array.from({ length: 2_100 }, (_, at) => at + 0.5),
  );
});

test('a batch that is cancelled stops, and its result is never there', async () => {
  let release = () => {};
  state.onServe = () =>
    new Promise((resolve) => {
      release = resolve;
    });
  const { body } = await send(csv(100));
  await until(body.id, 'running');
  await gateway.ask(`/v1/batches/${body.id}`, { method: 'DELETE', token: tokens.desk });
  state.onServe = async () => {};
  release();
  expect((await result(body.id)).status).toBe(409);
  expect((await look(body.id)).state).toBe('cancelled');
});

test.each([
  ['nothing', '', '', 'BATCH_EMPTY', 'body'],
  ['a header alone', 'hour,outside\n', '', 'BATCH_EMPTY', 'body'],
  ['a column that the result adds', 'hour,prediction\n1,2\n', '', 'BATCH_COLUMNS_INVALID', 'body'],
  ['a column twice', 'hour,hour\n1,2\n', '', 'BATCH_COLUMNS_INVALID', 'body'],
  ['a quote that is not closed', 'hour,outside\n"1,2\n', '', 'CSV_MALFORMED', undefined],
  ['a form that is none', 'x', '?format=xml', 'FORMAT_UNKNOWN', 'format'],
  ['a bound that is none', csv(1), '?errors-max=-1', 'QUERY_INVALID', 'errors-max'],
  ['a parameter that is none', csv(1), '?errors=1', 'QUERY_INVALID', 'errors'],
  ['a callback to ourselves', csv(1), '?callback=https://127.0.0.1/', 'CALLBACK_INVALID', 'callback.url'],
  ['a callback in plain text', csv(1), '?callback=http://x.example/', 'CALLBACK_INVALID', 'callback.url'],
])('%s is refused with what to do', async (_what, body, query, code, field) => {
  const answer = await send(body, query);
  expect(answer).toMatchObject({ status: 400, body: { code } });
  expect(answer.body.field).toBe(field);
});
