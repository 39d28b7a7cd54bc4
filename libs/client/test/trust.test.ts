import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { certificateAuthority, tempDir } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadClientConfig, Perennial } from '../src/mod.js';

const authority = certificateAuthority();
let server: Server;
let env: Record<string, string>;
let heard = '';

beforeAll(async () => {
  const options = { ...authority.issue('gateway', { ips: ['127.0.0.1'] }), ca: authority.cert };
  server = createServer({ ...options, requestCert: true }, async (request, response) => {
    heard = '';
    for await (const chunk of request) heard += chunk;
    if (request.url === '/v1/wrong') {
      response.writeHead(403, { 'content-type': 'application/problem+json' });
      response.end(JSON.stringify({ code: 'FORBIDDEN', detail: 'no' }));
    } else response.end(JSON.stringify({ who: request.headers.authorization, body: heard }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { cert, key } = authority.issue('client');
  const folder = tempDir('trust');
  const files = { 'ca.pem': authority.cert, 'cert.pem': cert, 'key.pem': key };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  env = {
    PERENNIAL_URL: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    PERENNIAL_TOKEN: 't',
    PERENNIAL_CA_FILE: join(folder, 'ca.pem'),
    PERENNIAL_CLIENT_CERT_FILE: join(folder, 'cert.pem'),
    PERENNIAL_CLIENT_KEY_FILE: join(folder, 'key.pem'),
  };
});
afterAll(() => void server?.close());

const client = (more: Record<string, string> = {}) =>
  new Perennial(loadClientConfig({ ...env, ...more }), { retryMs: 0 });

test('a client that is told the authority talks to the gateway, streams and errors as ever', async () => {
  expect(await client().call('GET', '/v1/systems')).toMatchObject({ who: 'Bearer t' });
  const body = Readable.from(['a', 'b', 'c']);
  expect(await client().call('POST', '/v1/rows', { body })).toMatchObject({ body: 'abc' });
  await expect(client().call('POST', '/v1/wrong', { json: {} })).rejects.toMatchObject({
    status: 403,
    code: 'FORBIDDEN',
  });
});

test('a client that knows another authority says that it cannot connect', async () => {
  const other = join(tempDir('other'), 'ca.pem');
  writeFileSync(other, certificateAuthority('Somebody else').cert);
  await expect(client({ PERENNIAL_CA_FILE: other }).call('GET', '/v1/systems')).rejects.toMatchObject({
    code: 'CONNECTION',
  });
});

test('a file that is not there is said by its name', () => {
  expect(() => loadClientConfig({ ...env, PERENNIAL_CA_FILE: '/nowhere/ca.pem' })).toThrow(
    /nowhere\/ca\.pem/,
  );
});
