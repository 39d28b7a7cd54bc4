import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@perennial/testkit';
import { expect, test } from 'vitest';
import { loadClientConfig } from '../src/mod.js';

test('the nearest client.json at or above a folder names the platform, the environment wins', () => {
  const root = tempDir('client');
  const folder = join(root, 'a', 'b');
  mkdirSync(folder, { recursive: true });
  mkdirSync(join(root, '.perennial'));
  writeFileSync(
    join(root, '.perennial', 'client.json'),
    JSON.stringify({ url: 'http://here', token: 'mine', grpcUrl: 'here:1' }),
  );
  expect(loadClientConfig({}, folder)).toEqual({ url: 'http://here', token: 'mine', grpcUrl: 'here:1' });
  expect(loadClientConfig({ PERENNIAL_URL: 'http://there' }, folder)).toEqual({
    url: 'http://there',
    token: 'mine',
  });
  expect(loadClientConfig({ PERENNIAL_GRPC_URL: 'there:2' }, folder)).toMatchObject({ grpcUrl: 'there:2' });
});

test('where no platform is known, the way to one is said', () => {
  expect(() => loadClientConfig({}, tempDir('client'))).toThrow(/npm start/);
});
