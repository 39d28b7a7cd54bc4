import { events } from '@perennial/contracts';
import type { Database } from '@perennial/db';
import { invalid, systemClock } from '@perennial/kernel';
import { waitFor } from '@perennial/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BusWork, type DeadLetterRow, deadLetters, handler } from '../src/mod.js';
import { count, type House, openHouse, seen, tellAlert } from './house.js';

let house: House;
let isMended = false;

beforeAll(async () => {
  house = await openHouse();
});

afterAll(() => house.close());

async function withOneParked(
  name: string,
): Promise<{ database: Database; work: BusWork; letter: DeadLetterRow }> {
  isMended = false;
  const database = await house.open(name);
  const work = await house.start(database, [
    handler({
      consumer: `${name}-alert`,
      event: events.alertRaised,
      pace: 'fast',
      handle: async ({ event, tx, emit }) => {
        if (event.body.alertId !== `${name}-poison`) return;
        if (!isMended) throw invalid('ALERT_UNKNOWN', 'alert: unknown');
        await sql`insert into seen (id) values (${event.body.alertId})`.execute(tx);
        await emit(events.driftReportRecorded, 'told', { reportId: 'told' });
      },
    }),
  ]);
  await tellAlert(database, `${name}-poison`);
  const letter = await waitFor('the dead letter', async () => {
    return (await deadLetters.list(database.db, { includeDecided: false }))[0];
  });
  return { database, work, letter };
}

function decide(
  database: Database,
  letter: { deadLetterId: string },
  decision: 'requeue' | 'discard',
  reason = 'mended',
) {
  const { deadLetterId } = letter;
  const by = { decidedBy: 'me', tenant: 'default', service: database.schema, clock: systemClock };
  return deadLetters.decide(database, { deadLetterId, decision, reason, ...by });
}

test('a requeued message is handled again from its copy, with all that follows from it', async () => {
  const { database, work, letter } = await withOneParked('again');
  expect(letter).toMatchObject({ status: 'open', attempts: 1, eventType: 'io.perennial.alert.raised.v1' });
  expect(JSON.parse(letter.bodyJson)).toEqual({ alertId: 'again-poison', text: 'look' });
  isMended = true;
  expect(await decide(database, letter, 'requeue')).toMatchObject({ status: 'requeued' });
  await waitFor('the work to be done', async () => {
    const [progress] = await work.consumers();
    return progress?.unacknowledged === 0 && (await seen(database)).length === 1;
  });
  expect(await seen(database)).toEqual(['again-poison']);
  expect(await count(database, "outbox where aggregate = 'drift-report'")).toBe(1);
  expect(await count(database, "outbox where headers->>'ce-type' like '%dead-letter.decided%'")).toBe(1);
  expect(await deadLetters.list(database.db, { includeDecided: false })).toEqual([]);
  expect(await deadLetters.list(database.db, { includeDecided: true })).toHaveLength(1);
});

test('a requeued message that fails again is open again, and counted', async () => {
  const { database, letter } = await withOneParked('still');
  await decide(database, letter, 'requeue');
  await waitFor('the second failure', async () => {
    const [again] = await deadLetters.list(database.db, { includeDecided: false });
    return again?.attempts === 2;
  });
  expect(await count(database, "outbox where headers->>'ce-type' like '%dead-letter.recorded%'")).toBe(2);
});

test('a discarded message is never handled, and nobody decides twice', async () => {
  const { database, letter } = await withOneParked('gone');
  await expect(decide(database, letter, 'discard', ' ')).rejects.toMatchObject({ code: 'DECISION_INVALID' });
  await decide(database, letter, 'discard', 'a test');
  await expect(decide(database, letter, 'requeue')).rejects.toMatchObject({ code: 'DEAD_LETTER_CONFLICT' });
  const unknown = { deadLetterId: 'no-uuid' };
  await expect(decide(database, unknown, 'requeue')).rejects.toMatchObject({ code: 'DEAD_LETTER_NOT_FOUND' });
  expect(await seen(database)).toEqual([]);
});

test('a dead letter of a consumer that is no more can only be discarded', async () => {
  const { database, letter, work } = await withOneParked('former');
  await work.stop();
  await house.start(database, []);
  await decide(database, letter, 'requeue');
  await waitFor('the refusal', async () => {
    const [again] = await deadLetters.list(database.db, { includeDecided: false });
    return again?.code === 'CONSUMER_UNKNOWN';
  });
});

test('a requeued message that kills its process again and again is open again, and the next process lives', async () => {
  const { database, letter } = await withOneParked('killing');
  // What three processes left behind that took it up and did not live to say more.
  await sql`insert into suspect (consumer, message_id, begun)
    values ('requeued to killing-alert', ${letter.deadLetterId}, 3)`.execute(database.db);
  isMended = true;
  await decide(database, letter, 'requeue');
  await waitFor('it to be open again', async () => {
    const [open] = await deadLetters.list(database.db, { includeDecided: false });
    return open?.code === 'PROCESS_DIED';
  });
  expect(await seen(database)).toEqual([]);
  expect(await count(database, 'suspect')).toBe(0);
  await decide(database, letter, 'requeue');
  await waitFor('the work to be done', async () => (await seen(database)).length === 1);
});
