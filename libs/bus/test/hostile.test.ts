import { createHash } from 'node:crypto';
import { arrivalSubject, events } from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import { waitFor } from '@perennial/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { batchHandler, handler, publishRaw, unpublishedCount } from '../src/mod.js';
import { count, type House, openHouse, seen, tellAlert } from './house.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

const hex = (times: number) =>
  Array.from({ length: times }, (_, i) => createHash('sha256').update(String(i)).digest('hex')).join('');

/** A handler that refuses everything, and quotes what it was given. */
function refusing(source: string) {
  return batchHandler({
    consumer: `${source}-rows`,
    stream: 'ROWS',
    filter: `rows.default.${source}.*`,
    handle: async ({ messages, park }) => {
      for (const message of messages) {
        const text = Buffer.from(message.data).toString('utf8');
        await park(message, invalid('ROW_REFUSED', `"${text}" \ud83d is no row`, { internal: text }));
      }
    },
  });
}

async function send(source: string, messages: { body: string; headers: Record<string, string> }[]) {
  const subject = arrivalSubject({ arrival: 'rows', tenant: 'default', source, producer: 'p' });
  for (const [at, message] of messages.entries())
    await publishRaw(house.bus, { subject, id: `${source}-${at}`, ...message });
}

test('whatever a message holds, it can be parked, and the dead letter can be told', async () => {
  const database = await house.open('hostile');
  await send('hostile', [
    { body: '\0', headers: {} },
    { body: 'x', headers: { 'ce-id': 'a%00b' } },
    { body: 'y', headers: { 'ce-id': hex(100), 'ce-type': hex(100), 'ce-correlationid': hex(700) } },
    { body: hex(2_000), headers: { 'ce-traceparent': hex(900) } },
  ]);
  const work = await house.start(database, [refusing('hostile')]);
  await waitFor('all to be parked', async () => (await count(database, 'dead_letter')) === 4);
  await waitFor('all to be told', async () => (await unpublishedCount(database.db)) === 0);
  await waitFor('the service to be ready', () => work.ready());
});

test('two messages under one id are two dead letters, each with its own content', async () => {
  const database = await house.open('twins');
  const headers = { 'ce-id': 'same' };
  await send('twins', [
    { body: 'one', headers },
    { body: 'two', headers },
    { body: 'one', headers },
  ]);
  await house.start(database, [refusing('twins')]);
  await waitFor('all to be parked', async () => {
    const { rows } = await sql<{ body: Buffer; attempts: number }>`
      select body, attempts from dead_letter order by body`.execute(database.db);
    return rows.map(({ body, attempts }) => `${body} ${attempts}`).join() === 'one 2,two 1';
  });
  expect(await count(database, 'dead_letter')).toBe(2);
});

test('an event that cannot be published keeps back its aggregate alone, however many follow it', async () => {
  const database = await house.open('stuck');
  for (let at = 0; at < 250; at++) await tellAlert(database, 'stuck');
  // A stream that its subject does not lead to refuses it for ever.
  await sql`update outbox set stream = 'DATA' where aggregate_version = 1`.execute(database.db);
  await tellAlert(database, 'free');
  await house.start(database, []);
  await waitFor('the other aggregate', async () => (await unpublishedCount(database.db)) === 250);
  expect(await count(database, "outbox where published_at is null and aggregate_id <> 'stuck'")).toBe(0);
  await sql`update outbox set stream = 'MONITOR'`.execute(database.db);
  await waitFor('the rest', async () => (await unpublishedCount(database.db)) === 0);
});

test('an outage while a message is suspected of killing its process is no death', async () => {
  const database = await house.open('suspected');
  let tries = 0;
  const alerts = handler({
    consumer: 'suspected-alert',
    event: events.alertRaised,
    pace: 'fast',
    handle: async ({ event, tx }) => {
      if (event.body.alertId !== 'suspected') return;
      tries += 1;
      if (tries <= 2) throw new Error('has the bus deliver it again');
      if (tries <= 8) throw Object.assign(new Error('the server restarts'), { code: '57P01' });
      await sql`insert into seen (id) values (${event.body.alertId})`.execute(tx);
    },
  });
  await house.start(database, [alerts]);
  await tellAlert(database, 'suspected');
  await waitFor('it to be handled', async () => (await seen(database)).length === 1);
  expect(await count(database, 'dead_letter')).toBe(0);
  expect(await count(database, 'suspect')).toBe(0);
});

test('what expired before it was read is told of, and the reading goes on behind it', async () => {
  const database = await house.open('late');
  const first = await house.start(database, [refusing('late')]);
  await send('late', [{ body: 'in time', headers: {} }]);
  await waitFor('the first', async () => (await count(database, 'dead_letter')) === 1);
  await first.stop();
  await send('late', [
    { body: 'seen', headers: {} },
    { body: 'expires', headers: {} },
  ]);
  await house.bus.jsm.streams.purge('ROWS');
  const subject = arrivalSubject({ arrival: 'rows', tenant: 'default', source: 'late', producer: 'p' });
  await publishRaw(house.bus, { subject, id: 'late-after', body: 'kept' });
  await house.start(database, [refusing('late')]);
  await waitFor('the last', async () => (await count(database, 'dead_letter')) === 2);
  const told = house.lines.filter(
    ({ level, fields }) => level === 'error' && fields['consumer'] === 'late-rows',
  );
  expect(told).toEqual([expect.objectContaining({ fields: expect.objectContaining({ stream: 'ROWS' }) })]);
});
