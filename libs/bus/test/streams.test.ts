import { eventSubject, events } from '@perennial/contracts';
import { type NatsForTests, startNats, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Bus,
  connectBus,
  ensureStreams,
  follow,
  publishRaw,
  type RawMessage,
  streams,
} from '../src/mod.js';

let nats: NatsForTests;
let bus: Bus;

beforeAll(async () => {
  nats = await startNats();
  bus = await connectBus({ url: nats.url, name: 'streams' });
});

afterAll(async () => {
  await bus.close();
  await nats.stop();
});

const subjectOf = (id: string) => eventSubject(events.deploymentUpdated, 'default', id);
const publish = (aggregate: string, body: string) =>
  publishRaw(bus, { subject: subjectOf(aggregate), body, id: `${aggregate} ${body}` });
const text = (message: RawMessage) => new TextDecoder().decode(message.data);
const model = { stream: 'MODEL', filter: 'evt.*.deployment.updated.v1.*' };

test('services that start together make the streams once, and find them as they are defined', async () => {
  const second = await connectBus({ url: nats.url, name: 'second' });
  await Promise.all([ensureStreams(bus), ensureStreams(second), ensureStreams(bus)]);
  await ensureStreams(bus);
  await second.close();
  const names: string[] = [];
  for await (const { config } of bus.jsm.streams.list()) names.push(config.name);
  expect(names.sort()).toEqual(streams.map(({ name }) => name).sort());
});

test('a stream that differs from its definition is refused, and the difference named', async () => {
  const definitions = streams.map((stream) =>
    stream.name === 'COMMAND' ? { ...stream, maxAgeDays: 2 } : stream,
  );
  await expect(ensureStreams(bus, definitions)).rejects.toMatchObject({
    code: 'BUS_STREAM_DIFFERS',
    message: expect.stringMatching(/COMMAND .*max_age/),
  });
});

test('a follower gets the last of each subject, is told when it has caught up, and then what comes', async () => {
  for (const body of ['1', '2', '3']) await publish('a', body);
  await publish('b', '1');
  const got: string[] = [];
  const stop = new AbortController();
  await new Promise<void>((resolve) =>
    follow(bus, {
      ...model,
      from: 'last-per-subject',
      onMessage: (message) => void got.push(`${message.subject.at(-1)}${text(message)}`),
      onCaughtUp: resolve,
      signal: stop.signal,
    }),
  );
  expect(got).toEqual(['a3', 'b1']);
  await publish('a', '4');
  await waitFor('the fourth', () => got.at(-1) === 'a4');
  stop.abort();
});

test('a follower of an empty subject has caught up at once, and one of new messages sees no old ones', async () => {
  const stop = new AbortController();
  const got: string[] = [];
  await new Promise<void>((resolve) =>
    follow(bus, {
      stream: 'MODEL',
      filter: subjectOf('nobody'),
      from: 'last-per-subject',
      onMessage: () => {},
      onCaughtUp: resolve,
      signal: stop.signal,
    }),
  );
  await new Promise<void>((resolve) =>
    follow(bus, {
      ...model,
      from: 'new',
      onMessage: (m) => void got.push(text(m)),
      onCaughtUp: resolve,
      signal: stop.signal,
    }),
  );
  await publish('c', 'new');
  await waitFor('the new one', () => got.length > 0);
  expect(got).toEqual(['new']);
  stop.abort();
});

test('followers go on behind the last message when the bus is killed, and miss and repeat nothing', async () => {
  const got = { all: [] as string[], new: [] as string[] };
  const stop = new AbortController();
  const followed = (from: 'all' | 'new') =>
    new Promise<void>((resolve) =>
      follow(bus, {
        stream: 'MODEL',
        filter: subjectOf('killed'),
        from,
        onMessage: (m) => void got[from].push(text(m)),
        onCaughtUp: resolve,
        signal: stop.signal,
      }),
    );
  await Promise.all([followed('all'), followed('new')]);
  await publish('killed', '1');
  await waitFor('the first', () => got.all.length === 1 && got.new.length === 1);
  await nats.kill();
  await waitFor('the loss of the connection', () => !bus.isConnected());
  await nats.restart();
  await waitFor('the connection', () => bus.isConnected());
  await publish('killed', '2');
  await waitFor('the second', () => got.all.length === 2 && got.new.length === 2);
  expect(got).toEqual({ all: ['1', '2'], new: ['1', '2'] });
  stop.abort();
});

test('what the stream cannot take is refused by name, and so is a bus that is away', async () => {
  const tooLarge = publishRaw(bus, { subject: subjectOf('x'), body: new Uint8Array(300_000), id: 'large' });
  await expect(tooLarge).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE', retry: 'never' });
  const elsewhere = publishRaw(bus, { subject: subjectOf('x'), body: '', id: 'elsewhere', stream: 'ROWS' });
  await expect(elsewhere).rejects.toMatchObject({ code: 'BUS_FULL' });
  const nobody = publishRaw(bus, { subject: 'nobody.hears', body: '', id: 'nobody' });
  await expect(nobody).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE', retry: 'after' });
});

test('a stream of an earlier release gets the subjects of this one, and keeps what it has', async () => {
  await publish('kept', 'from before');
  const found = await bus.jsm.streams.info('MODEL');
  const before = found.config.subjects.filter((subject) => !subject.includes('.api-key.'));
  await bus.jsm.streams.update('MODEL', { subjects: before });
  await Promise.all([ensureStreams(bus), ensureStreams(bus)]);
  const { config, state } = await bus.jsm.streams.info('MODEL');
  expect([...config.subjects].sort()).toEqual([...found.config.subjects].sort());
  expect(state.messages).toBe(found.state.messages);
});
