import type { Bus } from '@perennial/bus';
import { follow } from '@perennial/bus';
import { oip, RouteRole } from '@perennial/contracts';
import { createClient } from '@perennial/service';
import { type NatsForTests, startNats, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openAccessHouse } from '../../../registry/test/access/house.js';
import { world } from '../peers.js';
import {
  openBus,
  type RunningGateway,
  startGateway,
  tellApplied,
  tellDeployment,
  tellKey,
  tokens,
} from '../platform.js';
import { openIssuer, signingKey } from './issuer.js';

let nats: NatsForTests;
let bus: Bus;
let gateway: RunningGateway;
let house: Awaited<ReturnType<typeof openAccessHouse>>;
let issuer: Awaited<ReturnType<typeof openIssuer>>;
const stopped = new AbortController();
/** All that this gateway wrote: its log, its answers, and what came over the bus. */
const written: string[] = [];

beforeAll(async () => {
  [nats, issuer] = await Promise.all([startNats(), openIssuer(signingKey('first'))]);
  bus = await openBus(nats);
  house = await openAccessHouse((key) => tellKey(bus, key));
  const state = world();
  state.real = [house.service];
  const settings = {
    LOG_LEVEL: 'debug',
    PERENNIAL_OIDC_ISSUER: issuer.url,
    PERENNIAL_OIDC_AUDIENCE: 'perennial',
  };
  gateway = await startGateway(nats, state, settings, (line) => void written.push(line));
  for (const stream of ['MODEL', 'PREDICTION']) {
    follow(bus, {
      stream,
      filter: '>',
      from: 'all',
      signal: stopped.signal,
      onMessage: ({ subject, data }) => void written.push(subject, Buffer.from(data).toString()),
    });
  }
  await tellApplied(bus, 'heat');
  await tellDeployment(bus, 1n, [{ role: RouteRole.CHAMPION, version: 1 }]);
});

afterAll(async () => {
  stopped.abort();
  await gateway?.stop();
  await house?.close();
  await issuer?.close();
  await bus?.close();
  await nats?.stop();
});

async function ask(path: string, token: string, body?: object) {
  const init = body && { method: 'POST', body: JSON.stringify(body) };
  const response = await gateway.ask(path, { ...init, token });
  const text = await response.text();
  written.push(text, JSON.stringify([...response.headers]));
  return { status: response.status, text };
}

async function metric(door: string, code: string): Promise<number> {
  const text = await (await fetch(`http://${gateway.opsAddress}/metrics`)).text();
  written.push(text);
  const lines = text.split('\n').filter((line) => line.startsWith('perennial_gateway_denied_total{'));
  const line = lines.find((one) => one.includes(`door="${door}"`) && one.includes(`code="${code}"`));
  return Number(line?.split(' ')[1] ?? 0);
}

test('no secret is in a log, an answer, an event or a metric, whatever became of its request', async () => {
  const made = await gateway.ask('/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ name: 'shop', role: 'viewer' }),
  });
  // The one answer that has it.
  const { secret, key } = (await made.json()) as { secret: string; key: { key_id: string } };
  const rotated = await gateway.ask(`/v1/keys/${key.key_id}/rotate`, { method: 'POST', body: '{}' });
  const { secret: second } = (await rotated.json()) as { secret: string };
  const jwt = await issuer.token();
  const expired = await issuer.token({ exp: 1_000 });
  const guess = 'pk_0011223344556677_a-guess-that-nobody-made-before';
  const secrets = [secret, second, tokens.root, tokens.desk, jwt, expired, guess];
  const row = { hour: '2024-03-01T06:00:00Z', outside: 2.5 };
  for (const one of secrets) {
    await ask('/v1/systems', one);
    await ask('/v1/keys', one, { nobody_knows_this: 1 });
    await ask('/v1/systems/heat/predict', one, row);
    await ask(`/v1/nothing?token=${one}`, one);
    await ask('/v1/audit/verify', one);
    const metadata = { authorization: `Bearer ${one}` };
    const client = createClient(oip.GRPCInferenceService, gateway.grpcAddress, { metadata });
    await client.modelInfer({ modelName: 'nobody' }).catch((error) => written.push(JSON.stringify(error)));
    client.close();
  }
  expect((await ask('/v1/systems/heat/predict', tokens.desk, row)).status).toBe(200);
  await waitFor('events of keys and predictions', () => {
    const all = written.join('\n');
    return all.includes(`"keyId":"${key.key_id}"`) && all.includes('"predictionId"');
  });
  await metric('http', 'FORBIDDEN');
  const all = written.join('\n');
  for (const one of secrets) {
    const telling = one.startsWith('pk_') ? one.slice('pk_0011223344556677_'.length) : one;
    expect(all).not.toContain(telling);
    // The signature alone would do, too.
    expect(all).not.toContain(one.split('.').at(-1));
  }
});

test('who is turned away is counted by door and reason, and written down without what was shown', async () => {
  const before = await metric('http', 'UNAUTHENTICATED');
  const beforeForbidden = await metric('http', 'FORBIDDEN');
  const beforeGrpc = await metric('grpc', 'UNAUTHENTICATED');
  await ask('/v1/systems?x=1', 'wrong');
  await ask('/v1/audit/verify', tokens.desk);
  const client = createClient(oip.GRPCInferenceService, gateway.grpcAddress);
  await client.modelReady({ name: 'heat' }).catch(() => undefined);
  client.close();
  expect(await metric('http', 'UNAUTHENTICATED')).toBe(before + 1);
  expect(await metric('http', 'FORBIDDEN')).toBe(beforeForbidden + 1);
  expect(await metric('grpc', 'UNAUTHENTICATED')).toBe(beforeGrpc + 1);
  const lines = written.filter((line) => line.includes('somebody was turned away'));
  const last = lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ code }) => code === 'FORBIDDEN');
  expect(last.at(-1)).toMatchObject({
    door: 'http',
    path: '/v1/audit/verify',
    caller: 'desk',
    method: 'GET',
  });
  expect(lines.join('\n')).not.toContain('x=1');
});
