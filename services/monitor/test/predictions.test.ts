import { follow, publishRaw, type RawMessage } from '@perennial/bus';
import { eventFilter, events, predictionSubject, RouteRole } from '@perennial/contracts';
import { uuidv7 } from '@perennial/kernel';
import type { System } from '@perennial/spec';
import { waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { House } from './house.js';
import { outcomeOf, yaml } from './stories.js';

let house: House;
beforeAll(async () => {
  house = await House.open();
});
afterAll(() => house?.close());

test('a row asked about twice counts once, by its first answer, whichever comes first', async () => {
  const system = await house.apply(yaml('asked-twice'));
  await house.ask(system, { day: 0, answer: 10, id: 'later', receivedAt: 2_000 });
  await house.ask(system, { day: 0, answer: 13, id: 'earlier', receivedAt: 1_000 });
  await house.segment(system, 'labels', [{ day: 0, temp: 10 }]);
  const { quality, counts } = await outcomeOf(house, system.name);
  expect(quality[0]).toMatchObject({ answer: 'served', rows: 1, value: 3 });
  expect(counts).toEqual({ predictions: 2n, failed: 0n, labelled: 1n });
});

test('a later label corrects the earlier one, also where it is delivered first; the last of a segment counts', async () => {
  const system = await house.apply(yaml('corrected'));
  await house.ask(system, { day: 0, answer: 10 });
  await house.ask(system, { day: 1, answer: 10 });
  await house.segment(
    system,
    'labels',
    [
      { day: 0, temp: 15 },
      { day: 0, temp: 12 },
    ],
    '0190-b',
  );
  await house.segment(
    system,
    'labels',
    [
      { day: 0, temp: 99 },
      { day: 1, temp: 14 },
    ],
    '0190-a',
  );
  const { quality } = await outcomeOf(house, system.name);
  expect(quality[0]).toMatchObject({ rows: 2, value: 3 });
});

// The twin of this test in featurize tells the same story and expects the same labels.
test('a repaired label keeps the place of its arrival: above what came before it, below what came after it', async () => {
  const [before, original, after] = [uuidv7(), uuidv7(), uuidv7()];
  const expected = [12, 22, 31, 41, 51];
  const tell = async (system: System) => {
    const label = async (day: number, temp: number, recordedEventId: string, repairId = '') => {
      await house.segment(system, 'labels', [{ day, temp }], uuidv7(), { recordedEventId, repairId });
    };
    // The correction came while the original was held.
    await label(1, 12, after);
    await label(1, 11, original, 'r1');
    // The original was repaired before its correction came.
    await label(2, 21, original, 'r2');
    await label(2, 22, after);
    // The original corrects an earlier one, whenever that was let through.
    await label(3, 30, before);
    await label(3, 31, original, 'r3');
    await label(4, 41, original, 'r4');
    await label(4, 40, before, 'r5');
    // A part of the segment was good at once.
    await label(5, 51, original);
  };
  // Each answer is right, so that no other label would leave the error at nothing.
  const ask = async (system: System) => {
    for (const [at, answer] of expected.entries()) await house.ask(system, { day: at + 1, answer });
  };
  const asked = await house.apply(yaml('repaired'));
  await ask(asked);
  await house.settled();
  await tell(asked);
  expect((await outcomeOf(house, asked.name)).quality[0]).toMatchObject({
    answer: 'served',
    rows: 5,
    value: 0,
  });
  const told = await house.apply(yaml('repaired-first'));
  await tell(told);
  await house.settled();
  await ask(told);
  expect((await outcomeOf(house, told.name)).quality[0]).toMatchObject({
    answer: 'served',
    rows: 5,
    value: 0,
  });
});

test('a failed request is counted and raises one alert; its row is none', async () => {
  const alerts: RawMessage[] = [];
  const stop = new AbortController();
  follow(house.bus, {
    stream: 'MONITOR',
    filter: eventFilter(events.alertRaised),
    from: 'new',
    onMessage: (message) => {
      alerts.push(message);
    },
    signal: stop.signal,
  });
  const system = await house.apply(yaml('failing'));
  for (let day = 0; day < 3; day++) await house.ask(system, { day, answer: 0, status: 'DEADLINE_EXCEEDED' });
  expect((await outcomeOf(house, system.name)).counts).toEqual({ predictions: 3n, failed: 3n, labelled: 0n });
  await waitFor('the alert', () => alerts.length > 0);
  stop.abort();
  expect(alerts).toHaveLength(1);
});

test('a model that was brought by itself is passed by: no system, no manifest, no dead letter', async () => {
  const parked = await house.parked();
  await house.tell(events.modelPromoted, 'brought', { system: 'brought', alias: 'champion', version: 1 });
  await house.tell(events.deploymentUpdated, 'brought', {
    deployment: 'brought',
    system: 'brought',
    epoch: 1n,
    routes: [{ role: RouteRole.CHAMPION, version: 1, digest: '', weight: 1 }],
  });
  const asked = { system: 'brought', deployment: 'brought', receivedAt: '2024-03-01T06:00:00.000Z' };
  const rows = [{ key: {}, features: { imported: true }, answers: [{ version: 1, value: 2, served: true }] }];
  const event = () => ({ predictionId: uuidv7(), ...asked, status: 'OK', imported: true, rows });
  const predictions = [event(), event()];
  await publishRaw(house.bus, {
    subject: predictionSubject('default', 'brought'),
    id: uuidv7(),
    body: JSON.stringify({ predictions }),
  });
  await house.settled();
  expect(await house.parked()).toEqual(parked);
  const predictionIds = predictions.map(({ predictionId }) => predictionId);
  expect((await house.client.findPredictions({ predictionIds })).predictions).toEqual([]);
});

test('what was only counted counts, each event once, and the monitor says what it cannot watch', async () => {
  const alerts: string[] = [];
  const stop = new AbortController();
  follow(house.bus, {
    stream: 'MONITOR',
    filter: eventFilter(events.alertRaised),
    from: 'new',
    onMessage: ({ data }) => {
      alerts.push((JSON.parse(Buffer.from(data).toString()) as { kind: string }).kind);
    },
    signal: stop.signal,
  });
  const parked = await house.parked();
  const { name } = await house.apply(yaml('counted'));
  await house.settled();
  const event = { system: name, deployment: name, epoch: '1', receivedAt: '2024-03-01T06:00:00.000Z' };
  const metadata = { ...event, capture: 'CAPTURE_LEVEL_METADATA' };
  const ended = [
    { ...metadata, predictionId: uuidv7(), status: 'OK', rowCount: 1, notCaptured: '40' },
    { ...metadata, predictionId: uuidv7(), status: 'INPUT_MISSING' },
    { ...metadata, predictionId: uuidv7(), notCaptured: '3' },
  ];
  const imported = { ...event, system: 'nobodys', imported: true, predictionId: uuidv7(), status: 'OK' };
  for (const predictions of [ended, [...ended.slice(1), imported]]) {
    await publishRaw(house.bus, {
      subject: predictionSubject('default', name),
      id: uuidv7(),
      body: JSON.stringify({ predictions }),
    });
  }
  expect((await outcomeOf(house, name)).counts).toEqual({ predictions: 45n, failed: 1n, labelled: 0n });
  await waitFor('the alerts', () => alerts.length > 1);
  stop.abort();
  expect(alerts.sort()).toEqual(['failed-requests', 'not-watched']);
  expect(await house.parked()).toEqual(parked);
});

test('a message that is no prediction is set aside, and its neighbours go on', async () => {
  const system = await house.apply(yaml('neighbours'));
  await house.settled();
  await house.ask(system, { day: 0, answer: 11 });
  await publishRaw(house.bus, {
    subject: predictionSubject('default', 'neighbours'),
    id: 'poison',
    body: '{"a":',
  });
  await house.ask(system, { day: 1, answer: 11 });
  await house.segment(system, 'labels', [
    { day: 0, temp: 10 },
    { day: 1, temp: 10 },
  ]);
  expect((await outcomeOf(house, system.name)).counts).toEqual({ predictions: 2n, failed: 0n, labelled: 2n });
  expect(await house.parked()).toEqual(['PREDICTION_MALFORMED']);
});

test('keys tell rows of one time apart; a computed label comes from the rows, also those verified before', async () => {
  const system = await house.apply(`
apiVersion: perennial/v1
kind: System
name: late
source: { name: flights, time: date, key: [], schema: inferred }
label: { name: late, expr: "delay > 15", task: classification, arrives: { within: 3h } }
features:
- { name: weekday, expr: "dayofweek(date)" }
- { name: origin }
train: { trainer: gbdt, on: { window: all }, resources: { pool: cpu } }
gate: { metric: auc, hold-out: { last: 20 rows }, better-than-champion: { by: 1% } }
serve: { pool: cpu, rollout: { shadow: 2 predictions, canary: [50%], step: 3 predictions } }
monitor: { window: 50 rows, drift: { false-alarms: 1 per 1000 windows }, decay: { metric: auc, worse-than: 5% } }
on-decay: alert
risk: { class: minimal }
`);
  const flight = (origin: string, delay: number) => ({ day: 0, origin, delay, carrier: 'AA' });
  await house.ask(system, { day: 0, answer: 0.9, id: 'a', features: { origin: 'SEA', weekday: 0 } });
  await house.segment(system, 'rows', [flight('SEA', 40), flight('SFO', 2), flight('LAX', 20)]);
  await house.settled();
  await house.ask(system, { day: 0, answer: 0.2, id: 'b', features: { origin: 'SFO', weekday: 0 } });
  await house.ask(system, { day: 0, answer: 0.2, id: 'c', features: { origin: 'LAX', weekday: 0 } });
  await house.ask(system, { day: 0, answer: 0.2, id: 'd', features: { origin: 'JFK', weekday: 0 } });
  const { quality, counts } = await outcomeOf(house, system.name);
  expect(counts.labelled).toBe(3n);
  expect(quality[0]).toEqual({ month: '2012-04', answer: 'served', rows: 3, value: 0.75 });
});
