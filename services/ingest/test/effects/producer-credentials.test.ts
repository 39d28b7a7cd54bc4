import { readFileSync } from 'node:fs';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, credsAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import { type NatsForTests, startNats } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mintProducerCredentials } from '../../src/effects/producer-credentials.js';

let nats: NatsForTests;
let services: NatsConnection;

function connectWith(credentials: string | Uint8Array): Promise<NatsConnection> {
  const bytes = typeof credentials === 'string' ? new TextEncoder().encode(credentials) : credentials;
  return connect({ servers: nats.url, authenticator: credsAuthenticator(bytes) });
}

beforeAll(async () => {
  nats = await startNats({ withAuth: true });
  services = await connectWith(readFileSync(nats.auth?.servicesCredsFile as string));
  await (await jetstreamManager(services)).streams.add({ name: 'ROWS', subjects: ['rows.>', 'labels.>'] });
});

afterAll(async () => {
  await services?.close();
  await nats?.stop();
});

test('a minted producer publishes rows and labels of its own, acknowledged, and nothing else', async () => {
  const { text: credentials } = await mintProducerCredentials({
    accountSeed: readFileSync(nats.auth?.signingSeedFile as string, 'utf8'),
    name: 'desk',
    publish: ['rows.default.weather.desk', 'labels.default.weather.desk'],
  });
  const producer = await connectWith(credentials);
  const js = jetstream(producer);
  expect((await js.publish('rows.default.weather.desk', '{}')).stream).toBe('ROWS');
  expect((await js.publish('labels.default.weather.desk', '{}')).seq).toBe(2);

  for (const subject of [
    'rows.default.weather.other',
    'rows.default.flights.desk',
    '$JS.API.STREAM.DELETE.ROWS',
  ]) {
    await expect(producer.request(subject, '{}', { timeout: 2_000 })).rejects.toThrow(
      /permissions violation/i,
    );
  }
  const heard = producer.subscribe('rows.>');
  await expect(heard[Symbol.asyncIterator]().next()).rejects.toThrow(/permissions violation/i);
  await producer.close();
});

test('the first credential beside the data publishes as the producer desk of any source', async () => {
  const producer = await connectWith(readFileSync(nats.auth?.firstProducerCredsFile as string));
  expect((await jetstream(producer).publish('rows.default.flights.desk', '{}')).stream).toBe('ROWS');
  await expect(producer.request('rows.default.flights.pier', '{}', { timeout: 2_000 })).rejects.toThrow(
    /permissions violation/i,
  );
  await producer.close();
});

test('nobody enters without a credential, nor with one signed by a stranger', async () => {
  await expect(connect({ servers: nats.url })).rejects.toThrow(/authorization/i);
  const stranger = await startNats({ withAuth: true });
  const seed = readFileSync(stranger.auth?.signingSeedFile as string, 'utf8');
  await stranger.stop();
  const { text: forged } = await mintProducerCredentials({ accountSeed: seed, name: 'desk', publish: ['>'] });
  await expect(connectWith(forged)).rejects.toThrow(/authorization/i);
});
