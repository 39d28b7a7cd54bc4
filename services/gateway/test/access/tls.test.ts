import { writeFileSync } from 'node:fs';
import { Agent, type RequestOptions, request } from 'node:https';
import { join } from 'node:path';
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { oip } from '@perennial/contracts';
import { digestOf } from '@perennial/kernel';
import { createClient } from '@perennial/service';
import {
  type CertificateForTests,
  certificateAuthority,
  type NatsForTests,
  startNats,
  tempDir,
  waitFor,
} from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { world } from '../peers.js';
import { type RunningGateway, startGateway } from '../platform.js';

const authority = certificateAuthority();
const stranger = certificateAuthority('Somebody else');
const names = { dns: ['localhost'], ips: ['127.0.0.1'] };
const edge = authority.issue('edge', { uris: ['spiffe://plant.example/edge'] });
const folder = tempDir('tls');
const file = (name: string) => join(folder, name);
const settings = {
  PERENNIAL_TLS_CERT_FILE: file('cert.pem'),
  PERENNIAL_TLS_KEY_FILE: file('key.pem'),
  PERENNIAL_TLS_RELOAD_MS: '50',
  PERENNIAL_TOKENS_FILE: file('tokens.json'),
};

let nats: NatsForTests;
let plain: RunningGateway;
/** Lets in only who shows a certificate. */
let mutual: RunningGateway;

function use(certificate: CertificateForTests): void {
  writeFileSync(file('cert.pem'), certificate.cert);
  writeFileSync(file('key.pem'), certificate.key);
}

beforeAll(async () => {
  nats = await startNats();
  use(authority.issue('first', names));
  writeFileSync(file('clients.pem'), authority.cert);
  const common = { tenant: 'default', role: 'viewer' };
  const sha256 = digestOf('token').slice('sha256:'.length);
  const tokens = [
    { ...common, name: 'desk', sha256 },
    { ...common, name: 'edge', certificate: 'spiffe://plant.example/edge' },
  ];
  writeFileSync(file('tokens.json'), JSON.stringify({ tokens }));
  plain = await startGateway(nats, world(), settings);
  mutual = await startGateway(nats, world(), {
    ...settings,
    PERENNIAL_TLS_CLIENT_CA_FILE: file('clients.pem'),
  });
});

afterAll(async () => {
  await plain?.stop();
  await mutual?.stop();
  await nats?.stop();
});

const portOf = ({ url }: RunningGateway) => Number(new URL(url).port);
const withToken = { authorization: 'Bearer token' };

async function get(gateway: RunningGateway, more: RequestOptions = {}): Promise<number> {
  const { status } = await look(gateway, { headers: withToken, ...more });
  return status;
}

/** The status, and whose certificate the server showed. */
async function look(gateway: RunningGateway, more: RequestOptions) {
  const options = { port: portOf(gateway), path: '/v1/systems', ca: authority.cert, agent: false as const };
  return new Promise<{ status: number; shown: PeerCertificate }>((resolve, reject) => {
    request({ host: '127.0.0.1', ...options, ...more }, (response) => {
      const shown = (response.socket as TLSSocket).getPeerCertificate();
      response.resume().on('end', () => resolve({ status: response.statusCode ?? 0, shown }));
    })
      .on('error', reject)
      .end();
  });
}

async function askGrpc(
  { grpcAddress }: RunningGateway,
  tls: { cert?: string; key?: string } = {},
  token = true,
) {
  const client = createClient(oip.GRPCInferenceService, grpcAddress, {
    tls: { ca: authority.cert, ...tls },
    ...(token && { metadata: withToken }),
  });
  try {
    return await client.serverMetadata({}, { timeoutMs: 5_000 });
  } finally {
    client.close();
  }
}

test('with a certificate both ports speak TLS, and plain text no more', async () => {
  expect(await get(plain)).toBe(200);
  expect(await get(plain, { headers: {} })).toBe(401);
  expect((await askGrpc(plain)).name).not.toBe('');
  await expect(fetch(`${plain.url}/v2/health/live`)).rejects.toThrow();
});

test('who does not know the authority does not talk to the gateway', async () => {
  await expect(get(plain, { ca: stranger.cert })).rejects.toThrow(/certificate|self.signed/i);
});

test('TLS 1.1 is refused, and HTTP/1.1 is what is agreed on', async () => {
  await expect(get(plain, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' })).rejects.toThrow();
  const socket = connect({
    host: '127.0.0.1',
    port: portOf(plain),
    ca: authority.cert,
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  expect(socket.alpnProtocol).toBe('http/1.1');
  socket.destroy();
});

test('a client without a certificate of the authority does not come in', async () => {
  await expect(get(mutual)).rejects.toThrow();
  await expect(get(mutual, stranger.issue('edge'))).rejects.toThrow();
  await expect(askGrpc(mutual)).rejects.toMatchObject({
    code: expect.stringMatching(/UNAVAILABLE|DEADLINE/),
  });
  expect(await get(mutual, authority.issue('anybody'))).toBe(200);
});

test('a certificate that the tokens file names says who asks, another one says nothing', async () => {
  expect(await get(mutual, { ...edge, headers: {} })).toBe(200);
  expect((await askGrpc(mutual, edge, false)).name).not.toBe('');
  const unknown = authority.issue('desk', { dns: ['desk'] });
  expect(await get(mutual, { ...unknown, headers: {} })).toBe(401);
  await expect(askGrpc(mutual, unknown, false)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  // What is shown does not let in where nothing was asked for.
  expect(await get(plain, { ...edge, headers: {} })).toBe(401);
});

test('new certificates are used for new connections while old ones go on', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const kept = () => look(plain, { headers: withToken, agent });
  expect((await kept()).shown.subject.CN).toBe('first');
  const open = createClient(oip.GRPCInferenceService, plain.grpcAddress, {
    tls: { ca: authority.cert },
    metadata: withToken,
  });
  await open.serverMetadata({});
  use(authority.issue('second', names));
  const now = () => look(plain, { headers: withToken });
  await waitFor('the new certificate', async () => (await now()).shown.subject.CN === 'second');
  expect(await kept()).toMatchObject({ status: 200, shown: { subject: { CN: 'first' } } });
  expect((await open.serverMetadata({})).name).not.toBe('');
  const grpcShown = async () => {
    const [, port] = plain.grpcAddress.split(':');
    const options = { host: '127.0.0.1', port: Number(port), ca: authority.cert, ALPNProtocols: ['h2'] };
    const socket = connect(options);
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    const { CN } = socket.getPeerCertificate().subject;
    socket.destroy();
    return CN;
  };
  await waitFor('the new certificate over gRPC', async () => (await grpcShown()) === 'second');
  agent.destroy();
  open.close();
});

test("connections are cut when their client's authority is withdrawn, and when another one comes they are not", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ports = [portOf(mutual), Number(mutual.grpcAddress.split(':')[1])];
  const sockets = ports.map((port, at) =>
    connect({
      ...edge,
      host: '127.0.0.1',
      port,
      ca: authority.cert,
      ALPNProtocols: at === 0 ? ['http/1.1'] : ['h2'],
    }),
  );
  const cut = sockets.map((socket) => {
    socket.on('error', () => {}).resume();
    return new Promise((resolve) => socket.once('close', resolve));
  });
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('secureConnect', resolve))));
  expect(await get(mutual, { ...edge, agent })).toBe(200);
  const newcomer = stranger.issue('newcomer');
  const seen = (options: RequestOptions) => get(mutual, options).catch(() => 0);
  writeFileSync(file('clients.pem'), authority.cert + stranger.cert);
  await waitFor('the second authority', async () => (await seen(newcomer)) === 200);
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([false, false]);
  writeFileSync(file('clients.pem'), stranger.cert);
  await Promise.all(cut);
  expect(await seen(edge)).toBe(0);
  expect(await seen(newcomer)).toBe(200);
  writeFileSync(file('clients.pem'), authority.cert);
  await waitFor('the first authority', async () => (await seen(edge)) === 200);
  agent.destroy();
});

test('files that cannot be used change nothing', async () => {
  const before = (await look(plain, { headers: withToken })).shown.subject.CN;
  writeFileSync(file('key.pem'), authority.issue('other').key);
  writeFileSync(file('cert.pem'), 'no certificate');
  for (let at = 0; at < 3; at++) {
    expect((await look(plain, { headers: withToken })).shown.subject.CN).toBe(before);
  }
  use(authority.issue('third', names));
  await waitFor('the mended files', async () => {
    return (await look(plain, { headers: withToken })).shown.subject.CN === 'third';
  });
});

test.each([
  [{ PERENNIAL_TLS_KEY_FILE: '' }, 'TLS_SETTINGS_INVALID'],
  [{ PERENNIAL_TLS_CERT_FILE: file('nowhere.pem') }, 'TLS_FILE_INVALID'],
])('a gateway with %j does not start', async (wrong, code) => {
  const given: Record<string, string> = { ...settings, ...wrong };
  if (given['PERENNIAL_TLS_KEY_FILE'] === '') delete given['PERENNIAL_TLS_KEY_FILE'];
  await expect(startGateway(nats, world(), given)).rejects.toMatchObject({ code });
});
