import { type AlertRaised, eventSubject, events } from '@perennial/contracts';
import { type Database, transact } from '@perennial/db';
import { invalid, systemClock, unavailable } from '@perennial/kernel';
import { waitFor } from '@perennial/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sweep } from '../src/housekeeping.js';
import {
  emitterFor,
  eventHeaders,
  follow,
  handler,
  publishRaw,
  type RawMessage,
  type ReceivedEvent,
  unpublishedCount,
} from '../src/mod.js';
import { count, type House, openHouse, seen, tellAlert } from './house.js';

let house: House;
let producer: Database;

beforeAll(async () => {
  house = await openHouse();
  producer = await house.open('producer');
  await house.start(producer, []);
});

afterAll(() => house.close());

/** A handler of alerts that writes their ids, and does first what a test wants of it. */
function alerts(
  consumer: string,
  first: (event: ReceivedEvent<AlertRaised>) => void | Promise<void> = () => {},
) {
  return handler({
    consumer,
    event: events.alertRaised,
    pace: 'fast',
    handle: async ({ event, tx }) => {
      await first(event);
      await sql`insert into seen (id) values (${event.body.alertId})`.execute(tx);
    },
  });
}

async function settled(
  database: Database,
  work: { consumers(): Promise<{ pending: bigint; unacknowledged: number }[]> },
) {
  const isQuiet = async () => {
    if ((await unpublishedCount(producer.db)) > 0) return false;
    const consumers = await work.consumers();
    return consumers.every(({ pending, unacknowledged }) => pending === 0n && unacknowledged === 0);
  };
  await waitFor('everything to be handled', isQuiet);
  return seen(database);
}

test('an event carries what CloudEvents asks for, its cause, its version, and canonical JSON', async () => {
  const messages: RawMessage[] = [];
  const stop = new AbortController();
  follow(house.bus, {
    stream: 'MONITOR',
    filter: eventSubject(events.alertRaised, 'default', 'full'),
    from: 'all',
    onMessage: (m) => void messages.push(m),
    signal: stop.signal,
  });
  await transact(producer.db, async (tx) => {
    const emit = emitterFor(tx, {
      tenant: 'default',
      service: 'producer',
      clock: systemClock,
      causationId: 'cause',
      correlationId: 'chain "ä%',
    });
    await emit(events.alertRaised, 'full', { alertId: 'full', text: 'ä', kind: 'decay' });
    await emit(events.alertRaised, 'full', { alertId: 'full', text: '', kind: 'decay' });
  });
  await waitFor('both', () => messages.length === 2);
  stop.abort();
  const [first, second] = messages as [RawMessage, RawMessage];
  const headers = Object.fromEntries(Object.values(eventHeaders).map((name) => [name, first.header(name)]));
  expect(headers).toMatchObject({
    'ce-specversion': '1.0',
    'ce-id': first.messageId,
    'ce-type': 'io.perennial.alert.raised.v1',
    'ce-source': '/perennial/producer',
    'ce-subject': 'full',
    'ce-tenant': 'default',
    'ce-sequence': '1',
    'ce-correlationid': 'chain "ä%',
    'ce-causationid': 'cause',
    'ce-datacontenttype': 'application/json',
  });
  expect(new TextDecoder().decode(first.data)).toBe('{"alertId":"full","kind":"decay","text":"ä"}');
  expect(second.header('CE-Sequence')).toBe('2');
});

test('an event is handled once though it is delivered twice and published again after the window', async () => {
  const database = await house.open('once');
  const work = await house.start(database, [alerts('once-alert')]);
  await tellAlert(producer, 'twice');
  await settled(database, work);
  const { rows } = await sql<{ subject: string; headers: Record<string, string>; body: Uint8Array }>`
    select subject, headers, body from outbox where aggregate_id = 'twice'`.execute(producer.db);
  const [row] = rows;
  if (!row) throw new Error('nothing in the outbox');
  // Another Nats-Msg-Id stands for a window that has passed: the stream stores it a second time.
  const again = await publishRaw(house.bus, { ...row, id: 'another' });
  expect(again.duplicate).toBe(false);
  expect((await settled(database, work)).filter((id) => id === 'twice')).toEqual(['twice']);
});

test('what a relay published and could not mark, for a crash between, is stored once', async () => {
  await tellAlert(producer, 'crash');
  await waitFor('publication', async () => (await unpublishedCount(producer.db)) === 0);
  const before = (await house.bus.jsm.streams.info('MONITOR')).state.messages;
  await sql`update outbox set published_at = null where aggregate_id = 'crash'`.execute(producer.db);
  await sql`select pg_notify('outbox_producer', '')`.execute(producer.db);
  await waitFor('publication', async () => (await unpublishedCount(producer.db)) === 0);
  expect((await house.bus.jsm.streams.info('MONITOR')).state.messages).toBe(before);
});

test('a poison message is parked, told of and explained, and its neighbours go on', async () => {
  const database = await house.open('poison');
  const work = await house.start(database, [
    alerts('poison-alert', ({ body }) => {
      if (body.alertId === 'poison') throw invalid('ALERT_UNKNOWN', 'alert: nobody knows this one');
    }),
  ]);
  for (const id of ['before', 'poison', 'after']) await tellAlert(producer, id);
  const ids = await settled(database, work);
  expect(ids).toContain('before');
  expect(ids).toContain('after');
  expect(ids).not.toContain('poison');
  const { rows } = await sql<Record<string, unknown>>`select * from dead_letter`.execute(database.db);
  expect(rows).toEqual([
    expect.objectContaining({ consumer: 'poison-alert', code: 'ALERT_UNKNOWN', attempts: 1, status: 'open' }),
  ]);
  expect(await count(database, "outbox where aggregate = 'dead-letter'")).toBe(1);
});

test('our own failures are tried again a bounded number of times, then parked', async () => {
  const database = await house.open('bounded');
  let tries = 0;
  const work = await house.start(database, [
    alerts('bounded-alert', ({ body }) => {
      if (body.alertId !== 'bug') return;
      tries += 1;
      if (tries < 3) throw new Error('a bug that mends itself');
    }),
  ]);
  await tellAlert(producer, 'bug');
  expect(await settled(database, work)).toContain('bug');
  expect(tries).toBe(3);
});

test('a dependency that is away is waited for and parks nothing', async () => {
  const database = await house.open('dependency');
  let tries = 0;
  const work = await house.start(database, [
    handler({
      consumer: 'dependency-alert',
      event: events.alertRaised,
      pace: 'control',
      prepare: async ({ body }) => {
        if (body.alertId === 'away' && ++tries < 8)
          throw unavailable('STORE_UNAVAILABLE', 'away', { retryAfterMs: 5 });
        return body.alertId;
      },
      handle: async ({ prepared, tx }) => {
        await sql`insert into seen (id) values (${prepared})`.execute(tx);
      },
    }),
  ]);
  await tellAlert(producer, 'away');
  expect(await settled(database, work)).toContain('away');
  expect(await count(database, 'dead_letter')).toBe(0);
});

test('a strict consumer keeps the order of the stream, also past one that fails at first', async () => {
  const database = await house.open('strict');
  let failed = false;
  const ids = Array.from({ length: 20 }, (_, index) => `strict-${index}`);
  for (const id of ids) await tellAlert(producer, id);
  const work = await house.start(database, [
    handler({
      consumer: 'strict-alert',
      event: events.alertRaised,
      pace: 'control',
      handle: async ({ event, tx }) => {
        if (event.body.alertId === 'strict-7' && !failed) {
          failed = true;
          throw new Error('once');
        }
        await sql`insert into seen (id) values (${event.body.alertId})`.execute(tx);
      },
    }),
  ]);
  expect((await settled(database, work)).filter((id) => id.startsWith('strict-'))).toEqual(ids);
});

test('what a handler tells carries its cause, and rolls back with it', async () => {
  const database = await house.open('chain');
  let tries = 0;
  const work = await house.start(database, [
    handler({
      consumer: 'chain-alert',
      event: events.alertRaised,
      pace: 'fast',
      handle: async ({ event, emit }) => {
        if (event.body.alertId !== 'root') return;
        await emit(events.driftReportRecorded, 'report', { reportId: 'report' });
        if (++tries === 1) throw new Error('after telling');
      },
    }),
  ]);
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  await transact(producer.db, (tx) =>
    emitterFor(tx, { tenant: 'default', service: 'producer', clock: systemClock, traceparent })(
      events.alertRaised,
      'root',
      {
        alertId: 'root',
      },
    ),
  );
  await settled(database, work);
  const { rows } = await sql<{ headers: Record<string, string> }>`select headers from outbox`.execute(
    database.db,
  );
  const root = await sql<{
    event_id: string;
  }>`select event_id from outbox where aggregate_id = 'root'`.execute(producer.db);
  const rootId = root.rows[0]?.event_id;
  expect(rows).toEqual([
    {
      headers: expect.objectContaining({
        'ce-causationid': rootId,
        'ce-correlationid': rootId,
        'ce-traceparent': traceparent,
      }),
    },
  ]);
});

test('bytes that are no event, and other tenants, disturb nobody', async () => {
  const database = await house.open('garbage');
  const subject = eventSubject(events.alertRaised, 'default', 'garbage');
  const type = { 'ce-type': 'io.perennial.alert.raised.v1', 'ce-id': 'garbage-1' };
  await publishRaw(house.bus, { subject, body: 'no json', id: 'g1', headers: type });
  await publishRaw(house.bus, { subject, body: '{}', id: 'g2' });
  const other = eventSubject(events.alertRaised, 'other', 'garbage');
  const body = '{"alertId":"foreign","later":1}';
  await publishRaw(house.bus, { subject: other, body, id: 'g3', headers: { ...type, 'ce-id': 'g3' } });
  await publishRaw(house.bus, {
    subject,
    body: '{"alertId":"good","later":1}',
    id: 'g4',
    headers: { ...type, 'ce-id': 'g4' },
  });
  const work = await house.start(database, [alerts('garbage-alert')]);
  const ids = await settled(database, work);
  expect(ids).toContain('good');
  expect(ids).not.toContain('foreign');
  const { rows } = await sql<{
    event_id: string;
    code: string;
  }>`select event_id, code from dead_letter order by event_id`.execute(database.db);
  expect(rows).toEqual([
    { event_id: 'g2', code: 'EVENT_MALFORMED' },
    { event_id: 'garbage-1', code: 'EVENT_MALFORMED' },
  ]);
});

test('a body over 64 KiB travels as an artifact, and is refused where there is no store', async () => {
  const database = await house.open('claims');
  const artifacts = new Map<string, Uint8Array>();
  const text = 'x'.repeat(70_000);
  await expect(tellAlert(producer, 'large', { text })).rejects.toMatchObject({ code: 'EVENT_TOO_LARGE' });
  await transact(producer.db, (tx) =>
    emitterFor(tx, {
      tenant: 'default',
      service: 'producer',
      clock: systemClock,
      putArtifact: async (bytes) => {
        artifacts.set('sha256:large', bytes);
        return { digest: 'sha256:large' };
      },
    })(events.alertRaised, 'large', { alertId: 'large', text }),
  );
  let length = 0;
  const work = await house.start(
    database,
    [
      alerts('claims-alert', ({ body }) => {
        if (body.alertId === 'large') length = body.text.length;
      }),
    ],
    { getArtifact: async (digest) => artifacts.get(digest) ?? new Uint8Array() },
  );
  await settled(database, work);
  expect(length).toBe(70_000);
});

test('many writers lose nothing, and each aggregate is published in the order of its versions', async () => {
  const names = ['a', 'b', 'c'];
  const tellAll = async (writer: number) => {
    for (let index = 0; index < 25; index++) await tellAlert(producer, `many-${names[(writer + index) % 3]}`);
  };
  await Promise.all(Array.from({ length: 8 }, (_, writer) => tellAll(writer)));
  await waitFor('publication', async () => (await unpublishedCount(producer.db)) === 0);
  const versions = new Map<string, number[]>();
  const stop = new AbortController();
  await new Promise<void>((resolve) =>
    follow(house.bus, {
      stream: 'MONITOR',
      filter: 'evt.default.alert.raised.v1.*',
      from: 'all',
      onMessage: (message) => {
        const id = message.header('ce-subject') ?? '';
        versions.set(id, [...(versions.get(id) ?? []), Number(message.header('ce-sequence'))]);
      },
      onCaughtUp: resolve,
      signal: stop.signal,
    }),
  );
  stop.abort();
  const lists = names.map((name) => versions.get(`many-${name}`) ?? []);
  expect(lists.map((list) => list.length).reduce((a, b) => a + b)).toBe(200);
  for (const list of lists) expect(list).toEqual(list.map((_, index) => index + 1));
});

test('an event that kills its process again and again is parked', async () => {
  const database = await house.open('deadly');
  await tellAlert(producer, 'deadly');
  await waitFor('publication', async () => (await unpublishedCount(producer.db)) === 0);
  const { rows } = await sql<{ event_id: string }>`
    select event_id from outbox where aggregate_id = 'deadly'`.execute(producer.db);
  // What three processes left behind that took it in hand and did not live to say more.
  await sql`insert into suspect (consumer, message_id, begun)
    values ('deadly-alert', ${rows[0]?.event_id}, 3)`.execute(database.db);
  const work = await house.start(database, [
    alerts('deadly-alert', ({ body }) => {
      if (body.alertId === 'deadly') throw new Error('makes the bus deliver it again');
    }),
  ]);
  await settled(database, work);
  const parked = await sql<{
    code: string;
  }>`select code from dead_letter where event_id = ${rows[0]?.event_id}`.execute(database.db);
  expect(parked.rows).toEqual([{ code: 'PROCESS_DIED' }]);
  expect(await count(database, 'suspect')).toBe(0);
});

test('what nothing can ask for any more is let go, and the rest stays', async () => {
  const database = await house.open('swept');
  for (const id of ['old', 'new']) await tellAlert(database, id);
  await sql`update outbox set published_at = now() - interval '8 days' where aggregate_id = 'old'`.execute(
    database.db,
  );
  await sql`insert into inbox (consumer, event_id, stream, stream_sequence, outcome, handled_at) values
    ('c', 'old', 'MONITOR', 1, 'handled', now() - interval '300 days'),
    ('c', 'new', 'MONITOR', 2, 'handled', now())`.execute(database.db);
  await sweep(database.db);
  expect(await count(database, "outbox where aggregate_id = 'old'")).toBe(0);
  expect(await count(database, "outbox where aggregate_id = 'new'")).toBe(1);
  expect((await sql`select event_id from inbox`.execute(database.db)).rows).toEqual([{ event_id: 'new' }]);
});
