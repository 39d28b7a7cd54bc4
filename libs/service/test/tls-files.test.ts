import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificateAuthority, tempDir, waitFor } from '@perennial/testkit';
import { afterEach, expect, test } from 'vitest';
import { TlsFiles } from '../src/mod.js';

const authority = certificateAuthority();
const folder = tempDir('tls-files');
const certFile = join(folder, 'cert.pem');
const keyFile = join(folder, 'key.pem');
const open: TlsFiles[] = [];
afterEach(() => {
  for (const files of open.splice(0)) files.close();
});

function use(cert: string, key: string): void {
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
}

test('a pair that does not go together is said once, changes nothing, and is replaced by one that does', async () => {
  const [first, second] = [authority.issue('first'), authority.issue('second')];
  use(first.cert, first.key);
  const told: string[] = [];
  const files = new TlsFiles({
    certFile,
    keyFile,
    everyMs: 5,
    onReload: () => told.push('new'),
    onError: (error) => told.push((error as { code: string }).code),
  });
  open.push(files);
  const contexts: unknown[] = [];
  files.onChanged(({ cert }) => contexts.push(String(cert)));
  use(first.cert, second.key);
  await waitFor('the refusal', () => told.length > 0);
  expect(String(files.context.cert)).toBe(first.cert);
  use(second.cert, second.key);
  await waitFor('the new pair', () => told.includes('new'));
  expect(told).toEqual(['TLS_FILE_INVALID', 'new']);
  expect(contexts).toEqual([second.cert]);
});

test('files that are missing or no PEM are refused at the start by their names', () => {
  expect(() => new TlsFiles({ certFile: join(folder, 'nowhere'), keyFile, everyMs: 0 })).toThrow(/nowhere/);
  use('no PEM', 'neither');
  expect(() => new TlsFiles({ certFile, keyFile, everyMs: 0 })).toThrow(
    expect.objectContaining({ code: 'TLS_FILE_INVALID' }),
  );
});

test.each(['', 'no PEM', '-----BEGIN CERTIFICATE-----'])(
  'authorities that were overwritten with %j keep the ones before: nobody is locked out',
  async (broken) => {
    const { cert, key } = authority.issue('first');
    use(cert, key);
    const clientCaFile = join(folder, 'clients.pem');
    writeFileSync(clientCaFile, authority.cert);
    const told: unknown[] = [];
    const files = new TlsFiles({
      certFile,
      keyFile,
      clientCaFile,
      everyMs: 5,
      onReload: () => told.push('new'),
      onError: (error) => told.push((error as { code: string }).code),
    });
    open.push(files);
    writeFileSync(clientCaFile, broken);
    await waitFor('a word about it', () => told.length > 0);
    expect(told).toEqual(['TLS_FILE_INVALID']);
    expect(String(files.context.ca)).toBe(authority.cert);
    expect(() => new TlsFiles({ certFile, keyFile, clientCaFile, everyMs: 0 })).toThrow(/clients\.pem/);
  },
);
