import { pathToFileURL } from 'node:url';
import { openArtifacts } from '@perennial/artifacts';
import { type Bus, connectBus, ensureStreams, publishRaw } from '@perennial/bus';
import { AuditService, events, OperationsService } from '@perennial/contracts';
import { digestOf } from '@perennial/kernel';
import { createClient, startService } from '@perennial/service';
import {
  type DatabaseForTests,
  type NatsForTests,
  postgresForTests,
  startNats,
  tempDir,
  waitFor,
} from '@perennial/testkit';
import { noteVerifier, openNote, parseCheckpoint } from '@perennial/tlog';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { audit } from '../src/audit.js';
import { type ToldEvent, told } from './house.js';
import { story } from './story.js';

let nats: NatsForTests;
let database: DatabaseForTests;
let bus: Bus;
const artifactsUrl = pathToFileURL(tempDir('artifacts')).href;
const stops: (() => unknown)[] = [];

beforeAll(async () => {
  [nats, database] = await Promise.all([
    startNats(),
    postgresForTests().then((postgres) => postgres.createDatabase()),
  ]);
  bus = await connectBus({ url: nats.url, name: 'test' });
  await ensureStreams(bus);
});
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
  await bus?.close();
  await Promise.all([nats?.stop(), database?.drop()]);
});

async function start() {
  const env = { NATS_URL: nats.url, DATABASE_URL: database.url, ARTIFACTS_URL: artifactsUrl };
  const running = await startService(audit(env), { env, onLog: () => {} });
  const client = createClient(AuditService, running.grpcAddress);
  const operations = createClient(OperationsService, running.grpcAddress);
  const stop = async () => {
    client.close();
    operations.close();
    await running.stop();
  };
  stops.push(stop);
  return { client, operations, stop };
}

const publish = (event: ToldEvent, id = event.id) =>
  publishRaw(bus, { subject: event.subject, body: event.data, id, headers: event.headers });
const shuffled = <T>(items: readonly T[]) =>
  items
    .map((item, at) => ({ item, key: (at * 7919) % 101 }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
const alert = (id: string, text = 'look') =>
  told(events.alertRaised, id, { alertId: id, kind: 'test', text }, { id });

describe('the audit service', () => {
  test('records every event of every stream once, goes on after a restart, and proves it', async () => {
    const first = await start();
    const all = story();
    const half = Math.floor(all.length / 2);
    for (const event of all.slice(0, half)) await publish(event);
    await waitFor('the first half', async () => (await first.client.listEvents({})).size === BigInt(half));
    await first.stop();
    // While it is down: the rest, out of order, and the first half again, as after a relay that died before it knew.
    for (const event of shuffled(all)) await publish(event, `again-${event.id}`);
    const second = await start();
    await waitFor('all of it', async () => (await second.client.listEvents({})).size === BigInt(all.length));
    await waitFor('a quiet service', async () => {
      const { consumers } = await second.operations.getProgress({});
      return consumers.length === 4 && consumers.every(({ pending }) => pending === 0n);
    });

    const { events: recorded } = await second.client.listEvents({ limit: 1_000 });
    expect(recorded.map(({ eventId }) => eventId).sort()).toEqual(all.map(({ id }) => id).sort());
    expect(recorded.map(({ index }) => Number(index))).toEqual(all.map((_, at) => at));
    const verified = await second.client.verify({});
    expect(verified).toMatchObject({ verified: true, entries: BigInt(all.length), problems: [] });
    const { checkpoint, verifierKey } = await second.client.getCheckpoint({});
    const { size } = parseCheckpoint(openNote(checkpoint, [noteVerifier(verifierKey)]).text);
    expect(size).toBe(all.length);
    const { steps } = await second.client.why({ subject: 'model weather@champion' });
    expect(steps).toHaveLength(14);
    await second.stop();
  });

  test('parks what is no event, and an id that comes again with another content; the neighbours go on', async () => {
    const { client, operations, stop } = await start();
    const subject = alert('bad').subject;
    await publish(alert('kept'));
    await publishRaw(bus, { subject, body: '{}', id: 'no-headers' });
    await publishRaw(bus, { subject, body: '{', id: 'no-json', headers: alert('no-json').headers });
    await publish(alert('kept', 'another content'), 'reused');
    await publish(alert('after'));
    const codes = await waitFor('three dead letters', async () => {
      const { deadLetters } = await operations.listDeadLetters({});
      return deadLetters.length === 3 && deadLetters.map(({ code }) => code).sort();
    });
    expect(codes).toEqual(['EVENT_ID_REUSED', 'EVENT_MALFORMED', 'EVENT_MALFORMED']);
    const { events: alerts } = await client.listEvents({ typePrefix: 'alert.' });
    expect(alerts.map(({ eventId, bodyJson }) => [eventId, JSON.parse(bodyJson).text])).toEqual([
      ['kept', 'look'],
      ['after', 'look'],
    ]);
    // Its own dead letters are facts, too.
    await waitFor('the dead letters in the log', async () => {
      return (await client.listEvents({ typePrefix: 'dead-letter.recorded' })).events.length === 3;
    });
    expect((await client.verify({})).verified).toBe(true);
    await stop();
  });

  test('records an event of a later release, and one whose body is an artifact by its digest', async () => {
    const artifacts = await openArtifacts({ url: artifactsUrl });
    const { client, stop } = await start();
    const later = alert('later');
    const type = 'io.perennial.alert.softened.v2';
    await publishRaw(bus, {
      subject: later.subject.replace('raised.v1', 'softened.v2'),
      body: later.data,
      id: 'later',
      headers: { ...later.headers, 'ce-type': type },
    });
    const large = alert('large', 'long '.repeat(30_000));
    const { digest } = await artifacts.put(large.data);
    const lost = digestOf('nobody has it');
    for (const [id, dataref] of [
      ['large', digest],
      ['lost', lost],
    ] as const) {
      const headers = { ...alert(id).headers, 'ce-dataref': dataref };
      await publishRaw(bus, { subject: alert(id).subject, body: '', id, headers });
    }
    const found = await waitFor('all three', async () => {
      const { events: recorded } = await client.listEvents({ typePrefix: 'alert.' });
      const wanted = recorded.filter(({ eventId }) => ['later', 'large', 'lost'].includes(eventId));
      return wanted.length === 3 && wanted;
    });
    expect(found.map(({ eventType }) => eventType)).toContain(type);
    const bodies = Object.fromEntries(found.map(({ eventId, bodyJson }) => [eventId, bodyJson]));
    expect(bodies['large']).toBe(new TextDecoder().decode(large.data));
    expect(bodies['lost']).toBe('{}');
    const { entryJson } = await client.getProof({ eventId: 'large' });
    expect(JSON.parse(entryJson)).toMatchObject({ dataref: digest });
    const said = async (id: string) => (await client.why({ subject: `event ${id}` })).steps[0]?.text;
    expect(await said('later')).toBe(`monitor told ${type}, which this release does not know`);
    expect(await said('lost')).toContain(`its body, ${lost}, cannot be had`);
    await stop();
  });

  test('answers an unknown subject with what there is, as an error of the caller', async () => {
    const { client, stop } = await start();
    await expect(client.why({ subject: 'rollout x' })).rejects.toMatchObject({
      code: 'SUBJECT_NOT_FOUND',
      fault: 'caller',
      field: 'subject',
    });
    await stop();
  });
});
