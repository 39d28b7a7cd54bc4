import { arrivalSubject, events, predictionFilter, predictionSubject } from '@perennial/contracts';
import { invalid, systemClock } from '@perennial/kernel';
import { waitFor } from '@perennial/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type BusWork,
  batchHandler,
  deadLetters,
  decodeEvent,
  publishRaw,
  type RawMessage,
} from '../src/mod.js';
import { count, type House, openHouse, seen, tellAlert } from './house.js';

let house: House;

beforeAll(async () => {
  house = await openHouse();
});

afterAll(() => house.close());

const text = (message: RawMessage) => new TextDecoder().decode(message.data);

async function publishRows(source: string, from: number, to: number): Promise<void> {
  const subject = arrivalSubject({ arrival: 'rows', tenant: 'default', source, producer: 'p' });
  for (let index = from; index < to; index++) {
    await publishRaw(house.bus, { subject, body: String(index), id: `${source}-${index}` });
  }
}

interface Batches {
  readonly sizes: number[];
  readonly handler: ReturnType<typeof batchHandler>;
}

function rowsInto(
  source: string,
  first: (messages: readonly RawMessage[]) => void | Promise<void> = () => {},
): Batches {
  const sizes: number[] = [];
  const handler = batchHandler({
    consumer: `${source}-rows`,
    stream: 'ROWS',
    filter: `rows.default.${source}.*`,
    messagesMax: 50,
    handle: async ({ messages, tx }) => {
      sizes.push(messages.length);
      for (const message of messages) await sql`insert into seen (id) values (${text(message)})`.execute(tx);
      await first(messages);
    },
  });
  return { sizes, handler };
}

function settled(work: BusWork): Promise<boolean> {
  return waitFor('all to be handled', async () => {
    const consumers = await work.consumers();
    return consumers.every(({ pending, unacknowledged }) => pending === 0n && unacknowledged === 0);
  });
}

const numbers = (to: number) => Array.from({ length: to }, (_, index) => String(index));

test('messages come in batches, in stream order, each once, whoever runs beside', async () => {
  const database = await house.open('batches');
  const { sizes, handler } = rowsInto('batches');
  await publishRows('batches', 0, 120);
  const works = [await house.start(database, [handler]), await house.start(database, [handler])];
  await publishRows('batches', 120, 150);
  await settled(works[0] as BusWork);
  expect(await seen(database)).toEqual(numbers(150));
  expect(Math.max(...sizes)).toBe(50);
});

test('a lone message is handled at once, and those after it share a batch', async () => {
  const database = await house.open('paced');
  const sizes: number[] = [];
  const handler = batchHandler({
    consumer: 'paced-rows',
    stream: 'ROWS',
    filter: 'rows.default.paced.*',
    messagesMax: 5,
    everyMs: 3_600_000,
    handle: async ({ messages }) => void sizes.push(messages.length),
  });
  const work = await house.start(database, [handler]);
  await publishRows('paced', 0, 1);
  await settled(work);
  await publishRows('paced', 1, 5);
  expect(sizes).toEqual([1]);
  await publishRows('paced', 5, 6);
  await settled(work);
  expect(sizes).toEqual([1, 5]);
});

test('a handler says after each batch how soon the next one may begin', async () => {
  const database = await house.open('told_pace');
  const sizes: number[] = [];
  const handler = batchHandler({
    consumer: 'told-pace-rows',
    stream: 'ROWS',
    filter: 'rows.default.told-pace.*',
    messagesMax: 5,
    everyMs: () => (sizes.length < 2 ? 0 : 3_600_000),
    handle: async ({ messages }) => void sizes.push(messages.length),
  });
  const work = await house.start(database, [handler]);
  for (const at of [0, 1]) {
    await publishRows('told-pace', at, at + 1);
    await settled(work);
  }
  await publishRows('told-pace', 2, 6);
  expect(sizes).toEqual([1, 1]);
  await publishRows('told-pace', 6, 7);
  await settled(work);
  expect(sizes).toEqual([1, 1, 5]);
});

test('a new process goes on behind the last committed batch', async () => {
  const database = await house.open('resumes');
  const { handler } = rowsInto('resumes');
  await publishRows('resumes', 0, 10);
  const first = await house.start(database, [handler]);
  await settled(first);
  await first.stop();
  await publishRows('resumes', 10, 20);
  const second = await house.start(database, [handler]);
  await settled(second);
  expect(await seen(database)).toEqual(numbers(20));
});

test('a batch that fails is taken message by message, and the one at fault is parked', async () => {
  const database = await house.open('poisoned');
  const { handler } = rowsInto('poisoned', (messages) => {
    if (messages.some((message) => text(message) === '7')) throw invalid('ROW_BAD', 'row: seven is bad');
  });
  await publishRows('poisoned', 0, 20);
  const work = await house.start(database, [handler]);
  await settled(work);
  expect(await seen(database)).toEqual(numbers(20).filter((id) => id !== '7'));
  const parked = await deadLetters.list(database.db, { includeDecided: false });
  expect(parked).toMatchObject([
    { consumer: 'poisoned-rows', eventId: 'poisoned-7', code: 'ROW_BAD', bodyJson: '7' },
  ]);
});

test('a handler parks one message of a batch by itself, and a requeued one comes back to it alone', async () => {
  const database = await house.open('parks');
  let isMended = false;
  const handler = batchHandler({
    consumer: 'parks-rows',
    stream: 'ROWS',
    filter: 'rows.default.parks.*',
    prepare: async (messages) => messages.map(text),
    handle: async ({ messages, prepared, tx, park }) => {
      for (const [index, message] of messages.entries()) {
        if (prepared[index] === '1' && !isMended) await park(message, invalid('ROW_BAD', 'row: one is bad'));
        else await sql`insert into seen (id) values (${prepared[index]})`.execute(tx);
      }
    },
  });
  await publishRows('parks', 0, 3);
  const work = await house.start(database, [handler]);
  await settled(work);
  expect(await seen(database)).toEqual(['0', '2']);
  const [letter] = await deadLetters.list(database.db, { includeDecided: false });
  isMended = true;
  await deadLetters.decide(database, {
    deadLetterId: letter?.deadLetterId ?? '',
    decision: 'requeue',
    reason: '',
    decidedBy: 'me',
    tenant: 'default',
    service: 'parks',
    clock: systemClock,
  });
  await settled(work);
  expect(await seen(database)).toEqual(['0', '2', '1']);
});

test('events of any type are read from a batch, and unknown types are told apart', async () => {
  const database = await house.open('audit');
  const types: string[] = [];
  const handler = batchHandler({
    consumer: 'audit-monitor',
    stream: 'MONITOR',
    filter: 'evt.>',
    handle: async ({ messages, emitFor }) => {
      for (const message of messages) {
        const event = decodeEvent(message);
        types.push(event?.type ?? 'unknown');
        if (event?.type !== 'io.perennial.alert.raised.v1') continue;
        const cause = { correlationId: event.correlationId, causationId: event.id };
        await emitFor(cause)(events.driftReportRecorded, 'seen', { reportId: 'seen' });
      }
    },
  });
  const work = await house.start(database, [handler]);
  await tellAlert(database, 'known');
  const subject = 'evt.default.alert.forgotten.v9.x';
  await publishRaw(house.bus, {
    subject,
    body: '{}',
    id: 'future',
    headers: { 'ce-type': 'io.perennial.alert.forgotten.v9' },
  });
  const ours = () => types.filter((type) => !type.startsWith('io.perennial.dead-letter.'));
  // The outbox is also empty while the first batch is in its transaction: what was told in answer must have come round.
  await waitFor('the event that was told in answer', () => ours().length >= 3);
  await settled(work);
  expect(ours().sort()).toEqual(
    ['io.perennial.alert.raised.v1', 'io.perennial.drift-report.recorded.v1', 'unknown'].sort(),
  );
});

test('messages come as they were published: a header that names an artifact has nobody read it', async () => {
  const database = await house.open('named');
  const { handler } = rowsInto('named');
  const subject = arrivalSubject({ arrival: 'rows', tenant: 'default', source: 'named', producer: 'p' });
  const headers = { 'ce-dataref': `sha256:${'0'.repeat(64)}` };
  await publishRaw(house.bus, { subject, body: 'its own', id: 'named-0', headers });
  let reads = 0;
  const work = await house.start(database, [handler], {
    getArtifact: async () => {
      reads += 1;
      return new Uint8Array();
    },
  });
  await settled(work);
  expect(await seen(database)).toEqual(['its own']);
  expect(reads).toBe(0);
});

test('a message that kills its process again and again is parked, and the next process lives', async () => {
  const database = await house.open('deadly');
  await publishRows('deadly', 0, 3);
  const { handler } = rowsInto('deadly');
  // What three processes left behind that died in the midst of their first batch, and then with the message alone.
  await sql`insert into suspect (consumer, message_id, begun) values
    ('deadly-rows', 'first batch after a start', 3), ('deadly-rows', 'deadly-0', 3)`.execute(database.db);
  const work = await house.start(database, [handler]);
  await settled(work);
  expect(await seen(database)).toEqual(['1', '2']);
  expect(await deadLetters.list(database.db, { includeDecided: false })).toMatchObject([
    { eventId: 'deadly-0', code: 'PROCESS_DIED' },
  ]);
  await waitFor('the suspicion to end', async () => (await count(database, 'suspect')) === 0);
});

test('a stream that was made anew is read from its beginning', async () => {
  const database = await house.open('anew');
  const note = async (id: string) => {
    await publishRaw(house.bus, { subject: predictionSubject('default', 'd'), body: id, id });
  };
  const handler = () =>
    batchHandler({
      consumer: 'anew-predictions',
      stream: 'PREDICTION',
      filter: predictionFilter,
      handle: async ({ messages, tx }) => {
        for (const message of messages)
          await sql`insert into seen (id) values (${text(message)})`.execute(tx);
      },
    });
  for (const id of ['old-1', 'old-2', 'old-3']) await note(id);
  const first = await house.start(database, [handler()]);
  await settled(first);
  const { config } = await house.bus.jsm.streams.info('PREDICTION');
  await house.bus.jsm.streams.delete('PREDICTION');
  await house.bus.jsm.streams.add(config);
  await note('new-1');
  await waitFor('the new one', async () => (await seen(database)).includes('new-1'));
  expect(await seen(database)).toEqual(['old-1', 'old-2', 'old-3', 'new-1']);
  expect(
    house.lines.some(({ level, fields }) => level === 'error' && fields['consumer'] === 'anew-predictions'),
  ).toBe(true);
});
