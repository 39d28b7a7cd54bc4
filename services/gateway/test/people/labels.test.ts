import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Bus, follow, type RawMessage } from '@perennial/bus';
import { arrivalFilters } from '@perennial/contracts';
import { type NatsForTests, startNats, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type World, world } from '../peers.js';
import { openBus, type RunningGateway, startGateway, tokens } from '../platform.js';

const predictionId = '0193a5c0-0000-7000-8000-000000000001';
const timeless = '0193a5c0-0000-7000-8000-000000000002';
const unheard = '0193a5c0-0000-7000-8000-000000000003';

let nats: NatsForTests;
let bus: Bus;
let state: World;
let gateway: RunningGateway;
const stop = new AbortController();
const told: RawMessage[] = [];

beforeAll(async () => {
  nats = await startNats();
  bus = await openBus(nats);
  state = world();
  gateway = await startGateway(nats, state);
  follow(bus, {
    stream: 'ROWS',
    filter: arrivalFilters.labels,
    from: 'all',
    signal: stop.signal,
    onMessage: (message) => void told.push(message),
  });
});

afterAll(async () => {
  stop.abort();
  await gateway?.stop();
  await bus?.close();
  await nats?.stop();
});

beforeEach(() => {
  told.length = 0;
  state.specJson = JSON.stringify({
    source: { name: 'meter', time: 'hour', key: ['building'] },
    label: { name: 'demand', column: 'kwh' },
  });
  state.predictions = [
    {
      predictionId,
      system: 'heat',
      rows: [
        { eventTime: timestampFromMs(Date.UTC(2024, 2, 1, 6)), key: { building: 7 } },
        { eventTime: timestampFromMs(Date.UTC(2024, 2, 2)), key: { building: 8 } },
      ],
    },
    { predictionId: timeless, system: 'heat', rows: [{ key: { building: 7 } }] },
  ];
});

async function send(body: unknown, token = tokens.desk) {
  const response = await gateway.ask('/v1/labels', { method: 'POST', body: JSON.stringify(body), token });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

async function rows(count: number): Promise<unknown[]> {
  await waitFor('the labels on the bus', () => told.length >= count);
  return told.map(({ subject, data }) => [subject, JSON.parse(Buffer.from(data).toString())]);
}

test('a label finds by its prediction which row it is about, and comes from the one whose token it is', async () => {
  expect(await send({ prediction_id: predictionId, value: 12.5 })).toEqual({
    status: 200,
    body: { accepted: 1 },
  });
  expect(await rows(1)).toEqual([
    ['labels.default.meter.desk', { hour: '2024-03-01T06:00:00.000Z', building: 7, kwh: 12.5 }],
  ]);
});

test('many labels come by ordinal, by the name of a row, or by event time and key', async () => {
  const { status } = await send({
    labels: [
      { prediction_id: predictionId, ordinal: 1, value: 1 },
      { prediction_id: `${predictionId}/0`, value: 2 },
      { system: 'heat', event_time: '2024-03-03', key: { building: 9 }, values: { kwh: 3, cost: 0.5 } },
    ],
  });
  expect(status).toBe(200);
  const bodies = (await rows(3)).map((row) => (row as [string, object])[1]);
  expect(bodies).toEqual(
    expect.arrayContaining([
      { hour: '2024-03-02', building: 8, kwh: 1 },
      { hour: '2024-03-01T06:00:00.000Z', building: 7, kwh: 2 },
      { hour: '2024-03-03', building: 9, kwh: 3, cost: 0.5 },
    ]),
  );
});

test('the same label again changes nothing; another value is a correction, and so is one with an id of its own', async () => {
  const label = { prediction_id: predictionId, value: 4 };
  const byPlace = { system: 'heat', event_time: '2024-03-01T06:00:00Z', key: { building: 7 }, value: 4 };
  for (const one of [label, label, byPlace, { ...label, value: 5 }, { ...label, id: 'second thoughts' }])
    expect((await send(one)).status).toBe(200);
  await rows(3);
  expect(new Set(told.map(({ messageId }) => messageId)).size).toBe(3);
  expect(told).toHaveLength(3);
});

test('a label waits for the monitor to hear of its prediction', async () => {
  const [known] = state.predictions;
  state.predictions = [];
  const answer = send({ prediction_id: predictionId, value: 1 });
  await waitFor('the question to the monitor', () => state.placesAsked > 0);
  state.predictions = known ? [known] : [];
  expect((await answer).status).toBe(200);
});

const wrong: [string, unknown, string, string][] = [
  ['nothing', {}, 'LABELS_INVALID', 'value'],
  ['no target', { value: 1 }, 'LABELS_INVALID', 'prediction_id'],
  ['a value twice', { prediction_id: predictionId, value: 1, values: { kwh: 1 } }, 'LABELS_INVALID', 'value'],
  ['a value that is none', { prediction_id: predictionId, value: null }, 'LABELS_INVALID', 'value'],
  ['an unknown member', { prediction_id: predictionId, valeu: 1 }, 'LABELS_INVALID', 'valeu'],
  ['an id that is none', { prediction_id: '../x', value: 1 }, 'LABELS_INVALID', 'prediction_id'],
  [
    'a place beside an id',
    { prediction_id: predictionId, system: 'heat', value: 1 },
    'LABELS_INVALID',
    'system',
  ],
  ['no labels', { labels: [] }, 'LABELS_INVALID', 'labels'],
  [
    'one bad of two',
    { labels: [{ prediction_id: predictionId, value: 1 }, 3] },
    'LABELS_INVALID',
    'labels[1]',
  ],
  [
    'a time that is none',
    { system: 'heat', event_time: 'noon', key: {}, value: 1 },
    'EVENT_TIME_INVALID',
    'event_time',
  ],
  ['a key that is absent', { system: 'heat', event_time: '2024-03-01', value: 1 }, 'LABELS_INVALID', 'key'],
  [
    'a column of the key',
    { prediction_id: predictionId, values: { hour: 1 } },
    'LABELS_INVALID',
    'values.hour',
  ],
  ['a row that had no time', { prediction_id: timeless, value: 1 }, 'LABEL_UNPLACED', 'ordinal'],
  [
    'a row that there is not',
    { prediction_id: predictionId, ordinal: 5, value: 1 },
    'LABEL_UNPLACED',
    'ordinal',
  ],
  [
    'too many',
    { labels: Array(1_001).fill({ prediction_id: predictionId, value: 1 }) },
    'LABELS_INVALID',
    'labels',
  ],
];
test.each(wrong)('%s is refused with what to do, and nothing is told', async (_what, body, code, field) => {
  const answer = await send(body);
  expect(answer).toMatchObject({ status: 400, body: { code, field } });
  expect(answer.body['detail']?.length).toBeGreaterThan(20);
  expect(told).toEqual([]);
});

test('a prediction that nobody has heard of is not found', async () => {
  expect(await send({ prediction_id: unheard, value: 1 })).toMatchObject({
    status: 404,
    body: { code: 'PREDICTION_NOT_FOUND', field: 'prediction_id' },
  });
});

test('labels that the rows themselves hold are not taken, and the rows are asked for', async () => {
  state.specJson = JSON.stringify({
    source: { name: 'flights', time: 'date', key: [] },
    label: { name: 'late', expr: 'delay > 15' },
  });
  expect((await send({ prediction_id: predictionId, value: 1 })).body).toMatchObject({
    code: 'LABEL_COMPUTED',
    detail: expect.stringContaining('/v1/sources/flights/rows'),
  });
  state.specJson = '';
  expect((await send({ prediction_id: predictionId, value: 1 })).body).toMatchObject({
    code: 'LABEL_UNPLACED',
  });
});
