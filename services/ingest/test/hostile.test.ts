import { createHash } from 'node:crypto';
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

const good = '{"date":"2012-01-01","temp_min":1}';
/** 6,400 hex digits that no index can shorten. */
const longId = Array.from({ length: 100 }, (_, i) =>
  createHash('sha256').update(String(i)).digest('hex'),
).join('');
const manyColumns = Array.from({ length: 3_000 }, (_, i) => `{"date":"2012-01-01","c${i}":1}`).join('\n');

const hostile: [what: string, body: string, headers: Record<string, string>, source?: string][] = [
  ['a zero byte for a body', '\0', {}],
  ['a zero byte in its id', good, { 'ce-id': 'a%00b' }],
  ['an id too long for an index', good, { 'ce-id': longId }],
  ['an id too long, from an unknown source', good, { 'ce-id': longId }, 'nobody'],
  ['a zero byte in the id, from an unknown source', good, { 'ce-id': 'a%00b' }, 'nobody'],
  ['arrays in arrays without end', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, {}],
  ['a new column in every row', manyColumns, {}],
];

test.each(hostile)('a message with %s holds up nobody', async (what, body, headers, source = 'weather') => {
  await publishRaw(house.bus, {
    subject: `rows.default.${source}.desk`,
    body,
    id: `bad ${what}`,
    headers,
  });
  const id = `after ${what}`;
  await publishRaw(house.bus, { subject: 'rows.default.weather.desk', body: good, id });
  const taken = house.db.selectFrom('taken_row').select('row_id').where('row_id', '=', id);
  await waitFor('the next row', async () => (await taken.execute()).length === 1);
  await house.settled();
});

test('what could not be taken is there to be looked at', async () => {
  const { deadLetters } = await house.operations.listDeadLetters({});
  expect(deadLetters.map(({ code }) => code).sort()).toEqual(
    [
      'ROW_ID_INVALID',
      'ROW_ID_INVALID',
      'ROW_ID_INVALID',
      'ROW_ID_INVALID',
      'ROW_MALFORMED',
      'ROW_TOO_LARGE',
    ].sort(),
  );
});

test('a message that would not fit the bus a second time does not wait, and keeps back none that does', async () => {
  const rows = (bytes: number) => {
    const lines = `${good}\n`.repeat(Math.floor(bytes / (good.length + 1)));
    return lines + ' '.repeat(bytes - lines.length);
  };
  const subject = 'rows.default.tides.desk';
  await publishRaw(house.bus, { subject, body: rows(256 * 1024 - 200), id: 'vast' });
  await publishRaw(house.bus, { subject, body: good, id: 'small' });
  await house.settled();
  await house.apply('tides');
  await waitFor('the row that waited', async () => (await house.rows('tides')).length === 1);
  await house.settled();
  const { deadLetters } = await house.operations.listDeadLetters({});
  const vast = deadLetters.find(({ eventId }) => eventId === 'vast');
  expect(vast?.code).toBe('SOURCE_UNKNOWN');
  await house.operations.decideDeadLetter({
    deadLetterId: vast?.deadLetterId ?? '',
    decision: 'requeue',
    reason: 'its source is known',
    decidedBy: 'me',
  });
  await waitFor('its rows', async () => (await house.rows('tides')).length > 1_000);
});

test('a producer with a credential hears nothing of what the services hear', async () => {
  const added = await house.ingest.addProducer({ source: 'weather', producer: 'curious' });
  const authenticator = credsAuthenticator(new TextEncoder().encode(added.natsCredentials));
  const curious = await connect({ servers: added.natsUrl, authenticator });
  const heard: string[] = [];
  curious.subscribe('_INBOX.>', { callback: (_error, message) => void heard.push(message.subject) });
  await curious.flush();
  const subject = 'rows.default.weather.desk';
  for (let at = 0; at < 5; at++) await publishRaw(house.bus, { subject, body: good, id: `secret ${at}` });
  await house.settled();
  await curious.flush();
  expect(heard).toEqual([]);
  // Its own acknowledgements come.
  const [own = ''] = added.subjects;
  expect((await jetstream(curious).publish(own, good, { msgID: 'curious' })).stream).toBe('ROWS');
  await curious.close();
});
