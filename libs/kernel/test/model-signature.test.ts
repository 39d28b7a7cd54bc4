import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { digestOf, readModelKeys, readSigningKey, signModel, verifyModelSignature } from '../src/mod.js';

const pair = () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    secret: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    open: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
};
const model = { name: 'price', version: 3, digest: digestOf(Buffer.from('model')) };

test('a signature holds for its model and its key alone', () => {
  const [own, other] = [pair(), pair()];
  const signature = signModel(readSigningKey(own.secret, 'key'), model);
  const keys = readModelKeys(own.open, 'keys');
  expect(verifyModelSignature(keys, model, signature)).toBe(true);
  expect(verifyModelSignature(keys, { ...model, version: 4 }, signature)).toBe(false);
  expect(verifyModelSignature(keys, { ...model, name: 'prices' }, signature)).toBe(false);
  expect(verifyModelSignature(keys, { ...model, digest: digestOf(Buffer.from('x')) }, signature)).toBe(false);
  expect(verifyModelSignature(readModelKeys(other.open, 'keys'), model, signature)).toBe(false);
});

test('what is no signature is refused without an error', () => {
  const keys = readModelKeys(pair().open, 'keys');
  for (const text of ['', 'x', '====', 'A'.repeat(88), 'A'.repeat(10_000)]) {
    expect(verifyModelSignature(keys, model, text)).toBe(false);
  }
});

test('a key is replaced without a gap: any of several keys will do, a private one by its public half', () => {
  const [old, next] = [pair(), pair()];
  const keys = readModelKeys(`${old.open}\n${next.secret}`, 'keys');
  expect(keys).toHaveLength(2);
  for (const { secret } of [old, next]) {
    const signature = signModel(readSigningKey(secret, 'key'), model);
    expect(verifyModelSignature(keys, model, signature)).toBe(true);
  }
});

test('a file without such a key is refused by the name of its setting, and nothing of it is shown', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const rsaPem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  for (const read of [
    () => readModelKeys('', 'KEYS_FILE'),
    () => readModelKeys('secret words', 'KEYS_FILE'),
    () => readModelKeys(rsaPem, 'KEYS_FILE'),
    () => readSigningKey('secret words', 'KEYS_FILE'),
  ]) {
    expect(read).toThrow(/^KEYS_FILE: the file must hold (?!.*secret words)/);
  }
});
