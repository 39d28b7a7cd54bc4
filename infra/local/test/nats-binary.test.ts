import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { tempDir } from '@perennial/testkit';
import { expect, test } from 'vitest';
import { findNatsServer, natsServerVersion } from '../src/servers/nats-binary.js';

function fakeServer(version: string): string {
  const file = path.join(tempDir('bin'), 'nats-server');
  writeFileSync(file, `#!/bin/sh\necho "nats-server: v${version}"\n`);
  chmodSync(file, 0o755);
  return file;
}

test('NATS_SERVER_BIN wins, and one that is too old is refused by name', async () => {
  const good = fakeServer('2.10.7');
  expect(await findNatsServer(() => {}, { NATS_SERVER_BIN: good })).toBe(good);
  const old = fakeServer('2.9.9');
  await expect(findNatsServer(() => {}, { NATS_SERVER_BIN: old })).rejects.toThrow(
    /^NATS_SERVER_BIN is .*correct or unset it$/,
  );
});

test('an old server on the PATH is passed over', async () => {
  const old = fakeServer('2.8.4');
  const good = fakeServer('2.9.10');
  const PATH = `${path.dirname(old)}:${path.dirname(good)}`;
  expect(await findNatsServer(() => {}, { PATH, HOME: tempDir('home') })).toBe(good);
});

test('the server that the tests use is 2.9.10 or newer', async () => {
  const file = await findNatsServer(() => {});
  const [major, minor, patch] = (await natsServerVersion(file)) ?? [];
  expect((major ?? 0) * 1e6 + (minor ?? 0) * 1e3 + (patch ?? 0)).toBeGreaterThanOrEqual(2_009_010);
});
