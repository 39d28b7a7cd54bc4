import { createServer, type Server } from 'node:net';
import { freePort } from '@perennial/testkit';
import { afterEach, expect, test } from 'vitest';
import { untilServerAnswers } from '../src/external.js';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

function listen(port: number): Promise<void> {
  return new Promise((resolve) => {
    servers.push(createServer().listen(port, '127.0.0.1', resolve));
  });
}

test('a server that answers is enough, also as one of several addresses', async () => {
  const [port, nobody] = [await freePort(), await freePort()];
  await listen(port);
  for (const url of [
    `nats://127.0.0.1:${port}`,
    `127.0.0.1:${port}`,
    `nats://127.0.0.1:${nobody},127.0.0.1:${port}`,
  ])
    await untilServerAnswers({ setting: 'NATS_URL', url, defaultPort: 4222 });
});

test('a server that comes a little later is waited for', async () => {
  const port = await freePort();
  const answered = untilServerAnswers({
    setting: 'DATABASE_URL',
    url: `postgres://u:p@127.0.0.1:${port}/d`,
    defaultPort: 5432,
  });
  await listen(port);
  await answered;
});

test('a wrong address is one sentence with the setting and without the password', async () => {
  const port = await freePort();
  const url = `postgres://u:secret@127.0.0.1:${port}/d`;
  const failure = untilServerAnswers({ setting: 'DATABASE_URL', url, defaultPort: 5432, withinMs: 0 });
  await expect(failure).rejects.toMatchObject({
    code: 'EXTERNAL_SERVER_UNREACHABLE',
    message: expect.stringMatching(new RegExp(`^DATABASE_URL names 127.0.0.1:${port}, .*ECONNREFUSED`)),
  });
  await expect(failure).rejects.not.toMatchObject({ message: expect.stringContaining('secret') });
});
