import { type Digest, digestOf, type PlatformError } from '@perennial/kernel';
import { afterAll, describe, expect, test } from 'vitest';
import { Runtime, type Tensor } from '../src/mod.js';
import { addModel, echoModel } from './tiny-onnx.js';

const files = new Map<Digest, Uint8Array>();
const add = stored(addModel());
const echo = stored(echoModel());

function stored(bytes: Uint8Array): Digest {
  const digest = digestOf(bytes);
  files.set(digest, bytes);
  return digest;
}

const runtimes: Runtime[] = [];
function runtime(memoryBudgetBytes = 1024 ** 3, executors = 1): Runtime {
  const made = new Runtime({
    fetch: async (digest) => files.get(digest) ?? new Uint8Array(),
    executors,
    threads: 1,
    memoryBudgetBytes,
  });
  runtimes.push(made);
  return made;
}
afterAll(() => Promise.all(runtimes.map((made) => made.close())));

const column = (name: string, values: number[]): Tensor => ({
  name,
  datatype: 'FP64',
  shape: [values.length, 1],
  data: Float64Array.from(values),
});

describe('runtime', () => {
  test('a model answers each of many requests with its own rows, in fewer runs than requests', async () => {
    const made = runtime();
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, at) => {
        const rows = 1 + (at % 3);
        const values = Array.from({ length: rows }, (_, row) => at * 10 + row);
        const { outputs } = await made.infer(add, 'add', [
          column(
            'b',
            values.map(() => 0.5),
          ),
          column('a', values),
        ]);
        return { values, output: outputs[0] };
      }),
    );
    for (const { values, output } of answers) {
      expect(output?.shape).toEqual([values.length, 1]);
      expect(Array.from((output as Tensor).data as Float64Array)).toEqual(values.map((value) => value + 0.5));
    }
    const [statistics] = made.models();
    expect(statistics?.requests).toBe(200);
    expect(statistics?.batches).toBeLessThan(100);
  });

  test('text and every digit of 64-bit integers come through, alone and in batches', async () => {
    const made = runtime(1024 ** 3, 2);
    const big = 2n ** 53n + 1n;
    const answers = await Promise.all(
      ['é', '', 'x'].map((text, at) =>
        made.infer(echo, 'echo', [
          { name: 'text', datatype: 'BYTES', shape: [1, 1], data: [text] },
          { name: 'whole', datatype: 'INT64', shape: [1, 1], data: BigInt64Array.of(big + BigInt(at)) },
        ]),
      ),
    );
    expect(answers.map(({ outputs }) => [outputs[0]?.data, outputs[1]?.data])).toEqual([
      [['é'], BigInt64Array.of(big)],
      [[''], BigInt64Array.of(big + 1n)],
      [['x'], BigInt64Array.of(big + 2n)],
    ]);
  });

  test('wrong inputs are refused by name before anything runs', async () => {
    const made = runtime();
    const ask = (...inputs: Tensor[]) =>
      made.infer(add, 'sum', inputs).then(
        () => undefined,
        (error: PlatformError) => [error.code, error.message, error.field],
      );
    expect(await ask(column('a', [1]))).toEqual([
      'INPUT_MISSING',
      "expected 2 inputs but got 1 inputs for model 'sum': add 'b'",
      'b',
    ]);
    expect((await ask(column('a', [1]), column('b', [1]), column('c', [1])))?.[0]).toBe('INPUT_UNKNOWN');
    expect((await ask(column('a', [1]), column('a', [1])))?.[0]).toBe('INPUT_DUPLICATE');
    expect(
      (await ask(column('a', [1]), { ...column('b', [1]), datatype: 'FP32', data: Float32Array.of(1) }))?.[0],
    ).toBe('INPUT_DATATYPE');
    expect((await ask(column('a', [1]), { ...column('b', [1, 2]), shape: [1, 2] }))?.[0]).toBe('INPUT_SHAPE');
    expect((await ask(column('a', [1]), column('b', [1, 2])))?.[0]).toBe('TENSOR_SHAPE_INVALID');
  });

  test('a request past its deadline is dropped before it runs', async () => {
    const made = runtime();
    await made.load(add);
    await expect(
      made.infer(add, 'add', [column('a', [1]), column('b', [1])], { deadlineAt: performance.now() - 1 }),
    ).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  test('bytes that do not have the digest are refused', async () => {
    await expect(runtime().load(`sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({
      code: 'MODEL_DIGEST_MISMATCH',
    });
  });

  test('past the budget models go that are worth least, pinned ones stay', async () => {
    await expect(runtime(1).load(add)).rejects.toMatchObject({ code: 'MODEL_MEMORY_EXHAUSTED' });

    // Each counts for 1 MiB or more, so that no more than 64 fit.
    const made = runtime(64 * 2 ** 20);
    const digests = Array.from({ length: 80 }, (_, at) => stored(addModel(`number ${at}`)));
    const first = digests[0] as Digest;
    made.pin([first]);
    for (const digest of digests) await made.load(digest);
    const loaded = made.models().map(({ digest }) => digest);
    expect(loaded.length).toBeLessThanOrEqual(64);
    expect(made.memoryUsedBytes).toBeLessThanOrEqual(64 * 2 ** 20);
    expect(loaded).toContain(first);
    expect(loaded).toContain(digests.at(-1));
    const gone = digests.find((digest) => !loaded.includes(digest)) as Digest;
    expect(made.state(gone)).toEqual({ state: 'absent', reason: '' });
    const again = await made.infer(gone, 'add', [column('a', [1]), column('b', [2])]);
    expect(again.outputs[0]?.data).toEqual(Float64Array.of(3));
    expect(made.state(gone).state).toBe('resident');
  });

  test('a full queue sheds at once and serves what it took', async () => {
    const made = runtime();
    await made.load(add);
    const rows = Array.from({ length: 30_000 }, (_, at) => at);
    const ask = () => made.infer(add, 'add', [column('a', rows), column('b', rows)]);
    const settled = await Promise.allSettled([ask(), ask(), ask()]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(settled[1]).toMatchObject({
      reason: { code: 'QUEUE_EXHAUSTED', retryAfterMs: expect.any(Number) },
    });
  });

  test('the thread that queues stays free while a model runs', async () => {
    const made = runtime();
    const rows = Array.from({ length: 30_000 }, (_, at) => at);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    for (let run = 0; run < 5; run++) await made.infer(add, 'add', [column('a', rows), column('b', rows)]);
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(0);
  });
});
