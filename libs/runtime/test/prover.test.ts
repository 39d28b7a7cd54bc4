import { type Digest, digestOf } from '@perennial/kernel';
import { tempDir } from '@perennial/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import { FolderProofs, MemoryProofs, type Proofs, Prover, Runtime, type Tensor } from '../src/mod.js';
import { addModel } from './tiny-onnx.js';

const provers: Prover[] = [];
function proverOf(over: { proofs?: Proofs; child?: URL } = {}) {
  const prover = new Prover({ proofs: new MemoryProofs(), memoryBytesMax: 2 ** 28, threads: 1, ...over });
  provers.push(prover);
  return prover;
}
afterAll(() => {
  for (const prover of provers) prover.close();
});
const fragile = new URL('./fixtures/fragile-child.mjs', import.meta.url);
const file = (...bytes: number[]) => Uint8Array.from(bytes);
const prove = (prover: Prover, bytes: Uint8Array) =>
  prover.prove(digestOf(bytes), bytes).then(
    () => 'proven',
    (error: { code: string }) => error.code,
  );

describe('a file is tried where it can do no harm', () => {
  test('one that brings the engine down is refused, and the next one is tried anew', async () => {
    const prover = proverOf({ child: fragile });
    const proofs = await Promise.all([1, 0, 1, 3].map((first, at) => prove(prover, file(first, at))));
    expect(proofs).toEqual(['MODEL_CRASHES', 'proven', 'MODEL_CRASHES', 'proven']);
  });

  test('one that takes all memory is stopped, and says so', async () => {
    expect(await prove(proverOf({ child: fragile }), file(2))).toBe('MODEL_MEMORY_EXHAUSTED');
  });

  test('a replica stays up and goes on to serve others, with the real engine', async () => {
    const good = addModel();
    const bad = file(1);
    const prover = proverOf({ child: fragile });
    const runtime = new Runtime({
      fetch: async (digest) => (digest === digestOf(good) ? good : bad),
      prove: (digest, bytes) => prover.prove(digest, bytes),
      executors: 1,
      threads: 1,
      memoryBudgetBytes: 2 ** 30,
    });
    const column = (name: string): Tensor => ({
      name,
      datatype: 'FP64',
      shape: [1, 1],
      data: Float64Array.of(1),
    });
    await expect(runtime.infer(digestOf(bad), 'bad', [])).rejects.toMatchObject({ code: 'MODEL_CRASHES' });
    expect(runtime.state(digestOf(bad)).state).toBe('failed');
    const { outputs } = await runtime.infer(digestOf(good), 'add', [column('a'), column('b')]);
    expect(outputs[0]?.data[0]).toBe(2);
    await runtime.close();
  });

  test('a good one is proven once for all processes that share the folder, a bad one never', async () => {
    const dir = tempDir('proofs');
    const good = addModel('proven');
    expect(await prove(proverOf({ proofs: new FolderProofs(dir, '1.2.3') }), good)).toBe('proven');
    expect(await prove(proverOf({ proofs: new FolderProofs(dir, '1.2.3') }), file(9))).toBe(
      'MODEL_MALFORMED',
    );
    const other = new FolderProofs(dir, '1.2.3');
    expect(await other.has(digestOf(good))).toBe(true);
    expect(await other.has(digestOf(file(9)))).toBe(false);
    expect(await new FolderProofs(dir, '1.2.4').has(digestOf(good) as Digest)).toBe(false);
  });

  test('damaged models are proven or refused with a reason, and nothing else happens', async () => {
    const prover = proverOf();
    let state = 11;
    const next = (below: number) => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return state % below;
    };
    const outcomes = new Set<string>();
    for (let at = 0; at < 60; at++) {
      const bytes = Uint8Array.from(addModel(`damaged ${at}`));
      for (let times = 0; times <= next(4); times++) bytes[next(bytes.length)] = next(256);
      outcomes.add(await prove(prover, bytes));
    }
    outcomes.delete('proven');
    for (const code of outcomes)
      expect(code).toMatch(/^MODEL_(MALFORMED|UNSUPPORTED|DOMAIN_FORBIDDEN|EXTERNAL_DATA)$/);
    expect(outcomes.size).toBeGreaterThan(0);
  });
});
