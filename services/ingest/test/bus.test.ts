import { jetstream } from '@nats-io/jetstream';
import { connect, credsAuthenticator } from '@nats-io/transport-node';
import { publishRaw } from '@perennial/bus';
import { waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type House, openHouse } from './house.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
  await house.apply('weather');
  await house.settled();
});
afterAll(() => house?.stop());

const send = (subject: string, body: string, id: string, headers: Record<string, string> = {}) =>
  publishRaw(house.bus, { subject, body, id, headers });
const day = (n: number) => new Date(Date.UTC(2012, 0, 1 + n)).toISOString().slice(0, 10);

test('one object, an array and JSON lines become rows with the ids of their messages', async () => {
  await send('rows.default.weather.desk', `{"date":"${day(0)}","temp_min":1}`, 'a');
  await send(
    'rows.default.weather.desk',
    `[{"date":"${day(1)}","temp_min":2},{"date":"${day(2)}","temp_min":3}]`,
    'b',
  );
  await send(
    'rows.default.weather.desk',
    `{"date":"${day(3)}","temp_min":4}\n{"date":"${day(4)}","temp_min":5}\n`,
    'c',
    {
      'ce-id': 'own-id',
    },
  );
  await send('labels.default.weather.desk', `{"date":"${day(0)}","temp_max":9}`, 'd');
  await house.settled();
  const rows = await house.rows('weather');
  expect(rows.map((row) => [row.kind, row.id, row.cells['temp_min'] ?? row.cells['temp_max']])).toEqual(
    expect.arrayContaining([
      ['rows', 'a', 1],
      ['rows', 'b/0', 2],
      ['rows', 'b/1', 3],
      ['rows', 'own-id/0', 4],
      ['rows', 'own-id/1', 5],
      ['labels', 'd', 9],
    ]),
  );
  expect(rows).toHaveLength(6);
  expect(rows[0]?.cells['_p_event_time']).toBe(Date.UTC(2012, 0, 1));
});

test('a row that comes twice, under one id, is taken once', async () => {
  const before = (await house.rows('weather')).length;
  for (const message of ['x1', 'x2']) {
    await send('rows.default.weather.desk', `{"date":"${day(9)}","temp_min":1}`, message, {
      'ce-id': 'same',
    });
    await house.settled();
  }
  expect((await house.rows('weather')).length).toBe(before + 1);
});

test('a malformed message is a dead letter that says why, and its neighbours go on', async () => {
  await send('rows.default.weather.desk', `{"date":"${day(20)}","temp_min":1}`, 'good-1');
  await send('rows.default.weather.desk', '{"date":', 'bad-json');
  await send('rows.default.weather.desk', `[{"date":"${day(21)}","temp_min":1},{"temp_min":2}]`, 'half');
  await send('rows.default.weather.desk', `{"date":"${day(22)}","temp_min":"cold"}`, 'text');
  await send('rows.other.weather.desk', `{"date":"${day(23)}"}`, 'stranger');
  await send('rows.default.weather.desk', `{"date":"${day(24)}","temp_min":1}`, 'good-2');
  await house.settled();
  const ids = (await house.rows('weather')).map((row) => row.id);
  expect(ids).toEqual(expect.arrayContaining(['good-1', 'half/0', 'text', 'good-2']));
  expect(ids).not.toContain('half/1');
  const { deadLetters } = await house.operations.listDeadLetters({});
  expect(Object.fromEntries(deadLetters.map((one) => [one.eventId, one.code]))).toEqual({
    'bad-json': 'ROW_MALFORMED',
    half: 'ROW_EVENT_TIME',
    stranger: 'TENANT_UNKNOWN',
  });
  expect(deadLetters.find((one) => one.eventId === 'half')?.reason).toContain('row 2: date is missing');
});

test('one text among numbers leaves its neighbours numbers', async () => {
  const rows = (await house.rows('weather')).filter((row) => row.kind === 'rows');
  const text = rows.find((row) => row.id === 'text');
  expect(text?.cells['temp_min']).toBe('cold');
  expect(rows.filter((row) => row.segment === text?.segment)).toHaveLength(1);
  for (const row of rows) if (row !== text) expect(typeof row.cells['temp_min']).toBe('number');
});

test('rows of a source that nobody described wait, and are taken when its system is applied', async () => {
  for (let i = 0; i < 3; i++) {
    await send('rows.default.tides.desk', `{"date":"${day(i)}","temp_min":${i}}`, `tide-${i}`);
  }
  await house.settled();
  expect(await house.rows('tides')).toEqual([]);
  await house.kill();
  await house.start();
  await house.apply('tides');
  await waitFor('the waiting rows', async () => (await house.rows('tides')).length === 3);
  await house.settled();
  expect((await house.rows('tides')).map((row) => row.id)).toEqual(['tide-0', 'tide-1', 'tide-2']);
});

test('whatever is killed in between, every acknowledged row is taken, and once', async () => {
  await house.apply('storm');
  await house.settled();
  const sent: string[] = [];
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 60; i++) {
      const id = `${round}-${i}`;
      await send('rows.default.storm.desk', `{"date":"${day(i)}","temp_min":${i}}`, id);
      // A producer that heard nothing repeats, under another message id.
      if (i % 7 === 0)
        await send('rows.default.storm.desk', `{"date":"${day(i)}","temp_min":${i}}`, `${id}-again`, {
          'ce-id': id,
        });
      sent.push(id);
      if (i === 20 + round * 11) void house.kill();
    }
    await house.kill();
    await house.start();
  }
  await house.settled();
  const ids = (await house.rows('storm')).map((row) => row.id);
  expect(ids.sort()).toEqual(sent.sort());
});

test('an added producer publishes its own rows with its credential, and the event names its key', async () => {
  const added = await house.ingest.addProducer({ source: 'weather', producer: 'garden' });
  expect(added.subjects).toEqual(['rows.default.weather.garden', 'labels.default.weather.garden']);
  const authenticator = credsAuthenticator(new TextEncoder().encode(added.natsCredentials));
  const producer = await connect({ servers: added.natsUrl, authenticator });
  const [subject = ''] = added.subjects;
  await jetstream(producer).publish(subject, `{"date":"${day(30)}","temp_min":7}`, { msgID: 'g' });
  await producer.close();
  await house.settled();
  const { producers } = await house.ingest.listProducers({ source: 'weather' });
  expect(producers.map((one) => [one.producer, Number(one.rows)])).toContainEqual(['garden', 1]);
  const { sources } = await house.ingest.listSources({});
  expect(sources.map((one) => one.source)).toEqual(expect.arrayContaining(['storm', 'tides', 'weather']));
  await expect(house.ingest.addProducer({ source: 'weather', producer: 'no.dots' })).rejects.toMatchObject({
    code: 'NAME_INVALID',
    field: 'producer',
  });
});
