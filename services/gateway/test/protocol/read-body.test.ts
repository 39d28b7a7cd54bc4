import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { gzipSync } from 'node:zlib';
import { asPlatformError } from '@perennial/kernel';
import { waitFor } from '@perennial/testkit';
import { afterEach, expect, test } from 'vitest';
import { preferred } from '../../src/http/compressed.js';
import { readBody } from '../../src/http/read-body.js';
import { gatewayLimits } from '../../src/limits.js';

const MiB = 1024 * 1024;
let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A server that reads bodies of at most `bytesMax` and says how it went: the length, or the error's code. */
async function reading(bytesMax: number): Promise<string> {
  server = createServer((incoming, response) => {
    const body = (async () => readBody(incoming, bytesMax, performance.now() + 60_000))();
    body.then(
      (bytes) => response.end(String(bytes.length)),
      (error) => response.end(asPlatformError(error).code),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

const post = async (url: string, body: Buffer, encoding?: string) =>
  (
    await fetch(url, { method: 'POST', body, headers: encoding ? { 'content-encoding': encoding } : {} })
  ).text();

test('a body that unpacks to more than may be held is refused, whatever it was when it came', async () => {
  const url = await reading(MiB);
  const bomb = gzipSync(Buffer.alloc(200 * MiB));
  const heldBefore = process.memoryUsage().arrayBuffers;
  expect(await post(url, bomb, 'gzip')).toBe('BODY_TOO_LARGE');
  expect(process.memoryUsage().arrayBuffers - heldBefore).toBeLessThan(50 * MiB);
  expect(await post(url, gzipSync(Buffer.alloc(MiB)), 'gzip')).toBe(String(MiB));
  expect(await post(url, Buffer.alloc(MiB + 1))).toBe('BODY_TOO_LARGE');
});

test('large bodies on their way in hold no more than they may together, and give it back', async () => {
  const url = await reading(64 * MiB);
  const incoming: IncomingMessage[] = [];
  server?.on('request', (one: IncomingMessage) => incoming.push(one));
  // Each sends 60 MiB of 64 and waits.
  const slow = Array.from({ length: 4 }, () => {
    const one = httpRequest(url, { method: 'POST', headers: { 'content-length': String(64 * MiB) } });
    one.on('error', () => {});
    one.write(Buffer.alloc(60 * MiB));
    return one;
  });
  await waitFor('the slow bodies', () => incoming.length === 4 && incoming.every(isStalled));
  expect(await post(url, Buffer.alloc(20 * MiB))).toBe('BODIES_EXHAUSTED');
  expect(await post(url, Buffer.alloc(1000))).toBe('1000');
  for (const one of slow) one.destroy();
  await waitFor('the room', async () => (await post(url, Buffer.alloc(20 * MiB))) === String(20 * MiB));
});

test('bodies that are each not very large hold no more than they may together either', async () => {
  const url = await reading(MiB);
  const count = gatewayLimits.largeBodiesBytesMax / (512 * 1024);
  let read = 0;
  server?.on('request', (one: IncomingMessage) => {
    one.on('data', (chunk: Buffer) => {
      read += chunk.length;
    });
  });
  const slow = Array.from({ length: count }, () => {
    const one = httpRequest(url, { method: 'POST', headers: { 'content-length': String(MiB) } });
    one.on('error', () => {});
    one.write(Buffer.alloc(512 * 1024));
    return one;
  });
  await waitFor('the slow bodies', () => read === count * 512 * 1024);
  expect(await post(url, Buffer.alloc(512 * 1024))).toBe('BODIES_EXHAUSTED');
  for (const one of slow) one.destroy();
  await waitFor('the room', async () => (await post(url, Buffer.alloc(MiB))) === String(MiB));
});

test('large bodies that were packed give their room back too', async () => {
  const url = await reading(16 * MiB);
  const packed = gzipSync(Buffer.alloc(16 * MiB));
  for (let sent = 0; sent <= gatewayLimits.largeBodiesBytesMax; sent += 16 * MiB)
    expect(await post(url, packed, 'gzip')).toBe(String(16 * MiB));
});

test.each(['constructor', '__proto__', 'toString', 'br'])(
  'the encoding "%s" is none, and nothing of its body is waited for',
  async (encoding) => {
    const url = await reading(MiB);
    expect(await post(url, Buffer.alloc(10), encoding)).toBe('BODY_ENCODING_UNSUPPORTED');
  },
);

/** All that was sent has been read. */
function isStalled(incoming: IncomingMessage): boolean {
  return incoming.socket.bytesRead >= 60 * MiB;
}

test.each([
  ['gzip', 'gzip'],
  ['deflate, gzip', 'gzip'],
  ['gzip;q=0.5, deflate', 'deflate'],
  ['*', 'gzip'],
  ['br', undefined],
  ['gzip;q=0', undefined],
  ['identity', undefined],
  ['', undefined],
])('of "%s" the encoding %s is taken', (accepted, encoding) => {
  expect(preferred(accepted)).toBe(encoding);
});
