import { arrivalSubject, events } from '@perennial/contracts';
import type { Database } from '@perennial/db';
import { asPlatformError } from '@perennial/kernel';
import { type OwnPostgres, startPostgres, waitFor } from '@perennial/testkit';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type BusWork, batchHandler, handler, publishRaw, unpublishedCount } from '../src/mod.js';
import { count, type House, openHouse, seen, tellAlert } from './house.js';

let postgres: OwnPostgres;
let house: House;

beforeAll(async () => {
  postgres = await startPostgres();
});

beforeEach(async () => {
  house = await openHouse({ databaseUrl: postgres.url });
});

afterEach(() => house.close());
afterAll(() => postgres.stop());

function alerts(schema: string) {
  return handler({
    consumer: `${schema}-alert`,
    event: events.alertRaised,
    pace: 'fast',
    handle: async ({ event, tx }) => {
      await sql`insert into seen (id) values (${event.body.alertId})`.execute(tx);
    },
  });
}

function rows(schema: string) {
  return batchHandler({
    consumer: `${schema}-rows`,
    stream: 'ROWS',
    filter: `rows.default.${schema}.*`,
    messagesMax: 20,
    handle: async ({ messages, tx }) => {
      for (const { data } of messages)
        await sql`insert into seen (id, note) values (${Buffer.from(data).toString()}, 'row')`.execute(tx);
    },
  });
}

/** Does it until it succeeds, as a producer does that wants its rows kept. */
async function insist(work: () => Promise<unknown>): Promise<void> {
  await waitFor('success', () =>
    work().then(
      () => true,
      (error: unknown) => asPlatformError(error).retry === 'never',
    ),
  );
}

async function settled(database: Database, work: BusWork): Promise<void> {
  await waitFor('everything to be handled', async () => {
    try {
      const consumers = await work.consumers();
      const isQuiet = consumers.every(
        ({ pending, unacknowledged }) => pending === 0n && unacknowledged === 0,
      );
      return isQuiet && (await unpublishedCount(database.db)) === 0;
    } catch {
      return false;
    }
  });
}

/** Tells `to` alerts and publishes as many rows, in order, and does `inTheMiddle` between. */
async function play(
  database: Database,
  schema: string,
  to: number,
  inTheMiddle: () => Promise<void>,
): Promise<void> {
  const subject = arrivalSubject({ arrival: 'rows', tenant: 'default', source: schema, producer: 'p' });
  for (let index = 0; index < to; index++) {
    if (index === to / 2) await inTheMiddle();
    await insist(() => tellAlert(database, `${schema}-${index}`));
    await insist(() =>
      publishRaw(house.bus, { subject, body: String(index), id: `${schema}-${index}`, timeoutMs: 500 }),
    );
  }
}

async function expectAll(database: Database, schema: string, to: number): Promise<void> {
  const all = Array.from({ length: to }, (_, index) => String(index));
  const alertsSeen = await seen(database);
  expect(alertsSeen.filter((id) => id.startsWith(schema)).sort()).toEqual(
    all.map((id) => `${schema}-${id}`).sort(),
  );
  expect(alertsSeen.filter((id) => !id.startsWith(schema))).toEqual(all);
  expect(await count(database, 'dead_letter')).toBe(0);
}

test('a bus that is killed in the middle loses nothing and repeats nothing', async () => {
  const database = await house.open('bus_killed');
  const work = await house.start(database, [alerts('bus_killed'), rows('bus_killed')]);
  let restarting: Promise<void> | undefined;
  await play(database, 'bus_killed', 60, async () => {
    await house.nats.kill();
    restarting = house.nats.restart();
  });
  await restarting;
  await settled(database, work);
  await expectAll(database, 'bus_killed', 60);
  await waitFor('readiness', () => work.ready());
});

test('a PostgreSQL that is killed in the middle delays only: nothing is lost, repeated or parked', async () => {
  const database = await house.open('db_killed');
  const work = await house.start(database, [alerts('db_killed'), rows('db_killed')]);
  let restarting: Promise<void> | undefined;
  await play(database, 'db_killed', 60, async () => {
    await postgres.kill();
    restarting = postgres.restart();
  });
  await restarting;
  await settled(database, work);
  await expectAll(database, 'db_killed', 60);
});

test('an outage that outlasts every count of attempts parks nothing', async () => {
  const database = await house.open('db_away');
  let tries = 0;
  const work = await house.start(database, [
    handler({
      consumer: 'db_away-alert',
      event: events.alertRaised,
      pace: 'fast',
      prepare: async () => {
        tries += 1;
      },
      handle: async ({ event, tx }) => {
        await sql`insert into seen (id) values (${event.body.alertId})`.execute(tx);
      },
    }),
  ]);
  // Held back until the database is gone, so that the message meets the outage.
  await tellAlert(database, 'db_away-0');
  await waitFor('the first', async () => (await seen(database)).length === 1);
  const { rows: kept } = await sql<{ subject: string; headers: Record<string, string>; body: Uint8Array }>`
    select subject, headers, body from outbox`.execute(database.db);
  await postgres.kill();
  const [event] = kept;
  if (!event) throw new Error('nothing in the outbox');
  const headers = { ...event.headers, 'ce-id': 'second' };
  await publishRaw(house.bus, { subject: event.subject, body: event.body, headers, id: 'second' });
  await waitFor('ten tries', () => tries >= 11);
  await postgres.restart();
  await settled(database, work);
  expect(await seen(database)).toHaveLength(2);
  expect(await count(database, 'dead_letter')).toBe(0);
});
