import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, signModel } from '@perennial/kernel';
import { doubles, node, writeModel } from '@perennial/onnx';
import { tempDir } from '@perennial/testkit';
import { afterAll, expect, test } from 'vitest';
import { modelVerifier, Runtime } from '../src/mod.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const file = join(tempDir('keys'), 'keys.pem');
writeFileSync(file, publicKey.export({ type: 'spki', format: 'pem' }));

const bytes = writeModel({
  producer: 'test',
  producerVersion: '1',
  opsets: { '': 21 },
  graph: {
    name: 'g',
    inputs: [{ name: 'x', type: 'double', dims: ['N', 1] }],
    outputs: [{ name: 'y', type: 'double', dims: ['N', 1] }],
    constants: [doubles('two', [2])],
    nodes: [node('Mul', ['x', 'two'], 'y')],
  },
});
const digest = digestOf(bytes);
const signature = signModel(privateKey, { name: 'double', version: 1, digest });
let fetched = 0;
const runtime = new Runtime({
  fetch: async () => {
    fetched += 1;
    return bytes;
  },
  executors: 'inline',
  threads: 1,
  memoryBudgetBytes: 2 ** 28,
  verify: modelVerifier(file),
});
afterAll(() => runtime.close());
const rows = [{ name: 'x', datatype: 'FP64' as const, shape: [1, 1], data: Float64Array.of(21) }];

test('a model that is unsigned, or signed as another one, is not even fetched', async () => {
  for (const asked of [
    { name: 'double', version: 1 },
    { name: 'double', version: 2, signature },
    { name: 'other', version: 1, signature },
    { name: 'double', version: 1, signature: 'A'.repeat(88) },
  ]) {
    await expect(runtime.load(digest, asked)).rejects.toMatchObject({ code: 'MODEL_SIGNATURE_INVALID' });
  }
  await expect(runtime.infer(digest, 'double', rows)).rejects.toMatchObject({
    code: 'MODEL_SIGNATURE_INVALID',
  });
  expect(fetched).toBe(0);
});

test('a signed model runs, and is loaded again after it was paged out', async () => {
  await runtime.load(digest, { name: 'double', version: 1, signature });
  expect((await runtime.infer(digest, 'double', rows)).outputs[0]?.data).toEqual(Float64Array.of(42));
  expect(await runtime.unload(digest)).toBe(true);
  const again = await runtime.infer(digest, 'double', rows, { version: 1, signature });
  expect(again.outputs[0]?.data).toEqual(Float64Array.of(42));
});

test('a file without keys is refused by the name of its setting, none means no check', () => {
  expect(() => modelVerifier(join(tempDir('keys'), 'absent.pem'))).toThrow(/PERENNIAL_MODEL_KEYS_FILE/);
  expect(modelVerifier(undefined)).toBeUndefined();
});
