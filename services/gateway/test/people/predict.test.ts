import type { Bus } from '@perennial/bus';
import { RouteRole } from '@perennial/contracts';
import { type NatsForTests, startNats, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { world } from '../peers.js';
import { openBus, type RunningGateway, startGateway, tellApplied, tellDeployment } from '../platform.js';

let nats: NatsForTests;
let bus: Bus;
let gateway: RunningGateway;

beforeAll(async () => {
  nats = await startNats();
  bus = await openBus(nats);
  gateway = await startGateway(nats, world());
  await tellApplied(bus, 'heat');
  const routes = [{ role: RouteRole.CHAMPION, version: 1 }];
  await tellDeployment(bus, 1n, routes, { serve: { classes: ['cold', 'warm'] } });
  await waitFor('the system to be served', async () => (await predict({ rows: [row] })).status === 200);
});

afterAll(async () => {
  await gateway?.stop();
  await bus?.close();
  await nats?.stop();
});

const row = { hour: '2024-03-01T06:00:00Z', outside: 2.5 };

async function predict(body: unknown, query = ''): Promise<{ status: number; body: Answer }> {
  const response = await gateway.ask(`/v1/systems/heat/predict${query}`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Answer };
}

interface Answer {
  predictions: {
    prediction_id: string;
    prediction: number;
    label?: string;
    probability?: number;
    features?: object;
    explanation?: {
      base: number;
      contributions: Record<string, number>;
      reference: object;
      method: string;
    };
  }[];
  code: string;
  field: string;
  detail: string;
}

test('explain says by how much each feature moved the prediction away from the usual row', async () => {
  const { predictions } = (await predict({ rows: [row, { ...row, outside: 4 }], explain: true })).body;
  expect(predictions[0]).toMatchObject({
    prediction: 12.5,
    explanation: {
      base: 11,
      reference: { outside: 4, yesterday: 7 },
      contributions: { outside: -1.5, yesterday: 3 },
      method: 'exact',
    },
  });
  expect(predictions[1]?.explanation?.contributions).toEqual({ outside: 0, yesterday: 3 });
});

test('explain compares with the row that the client names, and with every input of it', async () => {
  const explain = { reference: { outside: 0, yesterday: 0 } };
  const { predictions } = (await predict({ rows: [row], explain })).body;
  expect(predictions[0]?.explanation).toMatchObject({
    base: 0,
    contributions: { outside: 2.5, yesterday: 10 },
  });
  expect((await predict({ rows: [row], explain: { reference: { outside: 0 } } })).body).toMatchObject({
    code: 'EXPLAIN_REFERENCE_ABSENT',
    field: 'explain',
  });
});

test('answers are decoded where classes are declared, and are plain where nobody wants them decoded', async () => {
  const probable = { ...row, outside: 0.75, yesterday: 0 };
  const one = async (options: object) =>
    (await predict({ rows: [probable], ...options })).body.predictions[0];
  expect(await one({})).toMatchObject({ prediction: 0.75, label: 'warm', probability: 0.75 });
  expect(await one({ decode: false })).not.toHaveProperty('label');
  expect((await predict({ rows: [{ ...probable, outside: 0.25 }] })).body.predictions[0]).toMatchObject({
    label: 'cold',
    probability: 0.75,
  });
  expect((await predict({ rows: [row] })).body.predictions[0]).not.toHaveProperty('label');
});

test('features are left out where nobody wants them; the prediction id never is', async () => {
  const [answer] = (await predict({ rows: [row], features: false })).body.predictions;
  expect(answer).not.toHaveProperty('features');
  expect(answer?.prediction_id).toMatch(/^[0-9a-f-]{36}$/);
});

test.each([
  ['an option that is none', { rows: [row], explian: true }, 'PREDICT_OPTION_INVALID', 'explian'],
  ['an option of another type', { rows: [row], features: 'no' }, 'PREDICT_OPTION_INVALID', 'features'],
  [
    'a reference that is no row',
    { rows: [row], explain: { reference: 3 } },
    'PREDICT_OPTION_INVALID',
    'explain.reference',
  ],
  [
    'something beside a reference',
    { rows: [row], explain: { rows: 3 } },
    'PREDICT_OPTION_INVALID',
    'explain.rows',
  ],
  [
    'more rows than are explained',
    { rows: Array(17).fill(row), explain: true },
    'EXPLAIN_ROWS_TOO_MANY',
    'explain',
  ],
  ['rows that are none', { rows: [3], explain: true }, 'PREDICT_ROWS_INVALID', 'rows[0]'],
])('%s is refused with what to do', async (_what, body, code, field) => {
  const answer = await predict(body);
  expect(answer).toMatchObject({ status: 400, body: { code, field } });
  expect(answer.body.detail.length).toBeGreaterThan(20);
});

test('a column that nothing reads is named beside the answer', async () => {
  const misspelt = await predict({
    rows: [
      { ...row, outsid: 1 },
      { ...row, 'wind speed': 2 },
    ],
  });
  expect(misspelt).toMatchObject({ status: 200, body: { unused: ['outsid', 'wind speed'] } });
  // The source's own columns are no features and are read all the same.
  expect((await predict({ rows: [row] })).body).not.toHaveProperty('unused');
});

test('options in the query are refused rather than ignored', async () => {
  expect((await predict({ rows: [row] }, '?explain=true')).body).toMatchObject({ code: 'QUERY_INVALID' });
});
