import { fromJsonString } from '@bufbuild/protobuf';
import { type Bus, connectBus } from '@perennial/bus';
import {
  isName,
  type ReplicaAnnounced,
  ReplicaAnnouncedSchema,
  replicaFilter,
  replicaSubject,
} from '@perennial/contracts';
import { systemClock } from '@perennial/kernel';
import { type NatsForTests, startNats, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { announce, defaultReplicaId, reachableAddress } from '../src/announce.js';

let nats: NatsForTests;
let bus: Bus;
beforeAll(async () => {
  nats = await startNats();
  bus = await connectBus({ url: nats.url, name: 'announce-test' });
});
afterAll(async () => {
  await bus?.close();
  await nats?.stop();
});

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

test('a replica says again and again that it is there, at once what changed, and at once that it drains', async () => {
  const heard: { subject: string; body: ReplicaAnnounced; at: number }[] = [];
  const subscription = bus.connection.subscribe(replicaFilter('default'), {
    callback: (_error, message) => {
      const body = fromJsonString(ReplicaAnnouncedSchema, message.string());
      heard.push({ subject: message.subject, body, at: systemClock.now() });
    },
  });
  await bus.connection.flush();
  const stopping = new AbortController();
  let models: string[] = [];
  const announcing = announce({
    bus,
    log,
    tenant: 'default',
    pool: 'cpu',
    replicaId: 'inference-2',
    address: '127.0.0.1:4711',
    stopping: stopping.signal,
    standing: () => ({ models, inFlight: 3 }),
  });
  await waitFor('two announcements', () => heard.length >= 2);
  expect(heard[0]?.subject).toBe(replicaSubject('default', 'cpu', 'inference-2'));
  expect(heard[0]?.body).toMatchObject({
    address: '127.0.0.1:4711',
    pool: 'cpu',
    inFlight: 3,
    draining: false,
  });
  models = ['sha256:1'];
  await waitFor('its model', () => heard.at(-1)?.body.models[0] === 'sha256:1');
  stopping.abort();
  await waitFor('its end', () => heard.at(-1)?.body.draining);
  announcing.stop();
  subscription.unsubscribe();
});

test('names and addresses of replicas are such that others can use them', () => {
  for (const address of [
    '127.0.0.1:4711',
    'Inference.Example.ORG:9000',
    '[::1]:9000',
    `${'x'.repeat(90)}:1`,
  ]) {
    expect(isName(defaultReplicaId(address)), address).toBe(true);
  }
  expect(reachableAddress('127.0.0.1:4711')).toBe('127.0.0.1:4711');
  expect(reachableAddress('0.0.0.0:4711')).not.toMatch(/^0\.0\.0\.0/);
  expect(reachableAddress('0.0.0.0:4711')).toMatch(/:4711$/);
});
