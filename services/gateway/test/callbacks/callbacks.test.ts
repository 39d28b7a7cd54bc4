import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { checkCallbackUrl, isPublicAddress } from '../../src/callbacks/address.js';
import { post } from '../../src/callbacks/post.js';
import { callbackTriesMax, pauseAfter, verdictOf } from '../../src/callbacks/retry.js';
import { checkSecret, newSecret, signedHeaders } from '../../src/callbacks/sign.js';

test('the signature is the one of the specification of Standard Webhooks', () => {
  // The example of the specification's own libraries.
  const headers = signedHeaders('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', {
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    atSeconds: 1_614_265_330,
    body: '{"test": 2432232314}',
  });
  expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  expect(checkSecret(newSecret())).toMatch(/^whsec_/);
  for (const secret of ['', 'whsec_', 'whsec_short', 'whsec_!!!!', 'abc'])
    expect(() => checkSecret(secret)).toThrow(expect.objectContaining({ field: 'callback.secret' }));
});

test.each([
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '169.254.169.254',
  '172.31.255.255',
  '192.168.1.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
  '64:ff9b::7f00:1',
  '2001:db8::1',
  '2002:7f00:1::',
  'fc00::1',
  'fe80::1',
  'ff02::1',
  'localhost',
])('%s is no public address', (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

test.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450:4001::'])(
  '%s is a public address',
  (address) => {
    expect(isPublicAddress(address)).toBe(true);
  },
);

test.each([
  'http://x.example/',
  'ftp://x.example/',
  'https://127.0.0.1/',
  'https://2130706433/',
  'https://0x7f.1/',
  'https://[::1]/',
  'https://[::ffff:10.0.0.1]/',
  'https://169.254.169.254/latest/meta-data',
  'https://me:pw@x.example/',
  'https://x.example/#top',
  'no address',
])('a callback to %s is refused', (url) => {
  expect(() => checkCallbackUrl(url, { allowPrivate: false })).toThrow(
    expect.objectContaining({ code: 'CALLBACK_INVALID', field: 'callback.url' }),
  );
});

test('a name that leads to ourselves is not connected to, whatever it looked like', async () => {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked += 1;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const options = { headers: {}, body: '{}', allowPrivate: false };
  await expect(post(`https://localhost:${port}/`, options)).rejects.toThrow(/public addresses/);
  await expect(post(`https://127.0.0.1:${port}/`, options)).rejects.toThrow(/not public/);
  expect(asked).toBe(0);
  expect(await post(`http://localhost:${port}/`, { ...options, allowPrivate: true })).toBe(200);
  server.close();
});

test('a redirect is no answer and is not followed', async () => {
  const paths: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url);
    response.writeHead(302, { location: '/elsewhere' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const status = await post(`http://127.0.0.1:${port}/hook`, { headers: {}, body: '{}', allowPrivate: true });
  expect([status, verdictOf(status), paths]).toEqual([302, 'again', ['/hook']]);
  server.close();
});

test('tries have growing pauses and an end; who is gone is not asked again', () => {
  const pauses = Array.from({ length: callbackTriesMax }, (_, at) => pauseAfter(at + 1));
  expect(pauses.at(-1)).toBe(0);
  expect(pauses.slice(0, -1)).toEqual([...pauses.slice(0, -1)].sort((a, b) => a - b));
  expect([verdictOf(204), verdictOf(410), verdictOf(404), verdictOf(503)]).toEqual([
    'heard',
    'gone',
    'again',
    'again',
  ]);
});
