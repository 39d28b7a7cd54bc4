import { digestOf, unavailable } from '@perennial/kernel';
import { node, writeModel } from '@perennial/onnx';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { Batcher } from '../src/batcher.js';
import { CostModel } from '../src/decide/cost-model.js';
import { Runtime, type RuntimeOptions, type Tensor } from '../src/mod.js';
import { batcherOptions } from './batcher-options.js';
import { treeModel } from './tree-model.js';

const runtimes: Runtime[] = [];
function runtimeOf(bytes: Uint8Array, over: Partial<RuntimeOptions> = {}) {
  const runtime = new Runtime({
    fetch: async () => bytes,
    executors: 1,
    threads: 1,
    memoryBudgetBytes: 1024 ** 3,
    ...over,
  });
  runtimes.push(runtime);
  return { runtime, digest: digestOf(bytes) };
}
afterAll(() => Promise.all(runtimes.map((runtime) => runtime.close())));

const rowsOfX = (...rows: [number, number][]): Tensor => ({
  name: 'x',
  datatype: 'FP32',
  shape: [rows.length, 2],
  data: Float32Array.from(rows.flat()),
});
const column = (...values: number[]): Tensor => ({
  name: 'a',
  datatype: 'FP64',
  shape: [values.length, 1],
  data: Float64Array.from(values),
});

describe.each([1, 'inline'] as const)('executors: %s', (executors) => {
  const { runtime, digest } = runtimeOf(treeModel(), { executors });

  test('a tree answers each row bit for bit the same in every company, alone, and cut in parts', async () => {
    const number = fc.double({ min: -2, max: 2, noNaN: true });
    const requests = fc.array(fc.array(fc.tuple(number, number), { minLength: 1, maxLength: 9 }), {
      minLength: 1,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(requests, async (asked) => {
        const together = await Promise.all(
          asked.map((rows) => runtime.infer(digest, 'tree', [rowsOfX(...rows)])),
        );
        for (const [at, rows] of asked.entries()) {
          const answered = together[at]?.outputs[0] as Tensor;
          expect(answered.shape).toEqual([rows.length, 1]);
          const alone = await runtime.infer(digest, 'tree', [rowsOfX(...rows)], { alone: true });
          expect(alone.batchRows).toBe(rows.length);
          expect(alone.outputs[0]?.data).toEqual(answered.data);
        }
      }),
      { numRuns: 25 },
    );
    const { reasons, batches } = runtime.models()[0] as ReturnType<typeof runtime.models>[0];
    expect(Object.values(reasons).reduce((sum, count) => sum + count, 0)).toBe(batches);
    expect(reasons.alone).toBeGreaterThan(0);
  });

  test('a request larger than a run comes back whole and in order', async () => {
    const rows = Array.from({ length: 10_001 }, (_, at): [number, number] => [
      at / 5_000 - 1,
      1 - at / 5_000,
    ]);
    const whole = await runtime.infer(digest, 'tree', [rowsOfX(...rows)]);
    const alone = await runtime.infer(digest, 'tree', [rowsOfX(...rows)], { alone: true });
    expect(whole.outputs[0]?.shape).toEqual([rows.length, 1]);
    expect(whole.outputs[0]?.data).toEqual(alone.outputs[0]?.data);
    expect(runtime.models()[0]?.reasons.split).toBeGreaterThan(1);
  });

  test('requests that ran together say so, and two batches never have one name', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => runtime.infer(digest, 'tree', [rowsOfX([1, 1])])),
    );
    const later = await runtime.infer(digest, 'tree', [rowsOfX([1, 1])]);
    expect(new Set(answers.map(({ batchId }) => batchId)).size).toBe(1);
    expect(answers.map(({ batchRows }) => batchRows)).toEqual(new Array(8).fill(8));
    expect(later.batchId).not.toBe(answers[0]?.batchId);
  });
});

test('a model that mixes its rows is given no row of another request', async () => {
  const bytes = writeModel({
    producer: 'test',
    producerVersion: '1',
    opsets: { '': 15 },
    graph: {
      name: 'share of the sum',
      inputs: [{ name: 'a', type: 'double', dims: ['N', 1] }],
      outputs: [{ name: 'y', type: 'double', dims: ['N', 1] }],
      constants: [{ name: 'axis', type: 'int64', dims: [1], data: BigInt64Array.of(0n) }],
      nodes: [node('ReduceSum', ['a', 'axis'], 'sum'), node('Div', ['a', 'sum'], 'y')],
    },
  });
  const { runtime, digest } = runtimeOf(bytes);
  const answers = await Promise.all([1, 2, 3].map((value) => runtime.infer(digest, 'm', [column(value)])));
  expect(answers.map(({ outputs }) => outputs[0]?.data[0])).toEqual([1, 1, 1]);
});

test('a model that refuses the rows it is tried with is given no row of another request', async () => {
  const bytes = writeModel({
    producer: 'test',
    producerVersion: '1',
    opsets: { '': 15 },
    graph: {
      name: 'share of the sum of what is looked up in a table of one',
      inputs: [{ name: 'i', type: 'int64', dims: ['N', 1] }],
      outputs: [{ name: 'y', type: 'double', dims: ['N', 1] }],
      constants: [
        { name: 'only', type: 'double', dims: [1], data: Float64Array.of(5) },
        { name: 'axis', type: 'int64', dims: [1], data: BigInt64Array.of(0n) },
      ],
      nodes: [
        node('Gather', ['only', 'i'], 'found'),
        node('ReduceSum', ['found', 'axis'], 'sum'),
        node('Div', ['found', 'sum'], 'y'),
      ],
    },
  });
  const { runtime, digest } = runtimeOf(bytes);
  const index: Tensor = { name: 'i', datatype: 'INT64', shape: [1, 1], data: BigInt64Array.of(0n) };
  const answers = await Promise.all([1, 2, 3].map(() => runtime.infer(digest, 'm', [index])));
  expect(answers.map(({ outputs }) => outputs[0]?.data[0])).toEqual([1, 1, 1]);
});

describe('the queue of a model', () => {
  /** Runs of 1 s and 1 s a row, so that no pause of the machine matters; nothing runs before it is told to. */
  function slowBatcher(queueRowsMax = 1_000) {
    const ran: number[][] = [];
    const cost = new CostModel([1, 8, 32].map((rows) => ({ rows, microseconds: 1e6 + 1e6 * rows })));
    const batcher = new Batcher(batcherOptions({ cost, queueRowsMax }));
    const runNext = () =>
      batcher.start(async (inputs) => {
        ran.push(Array.from(inputs[0]?.data as Float64Array));
        return { outputs: inputs, computeUs: 1 };
      })?.done;
    return { batcher, ran, runNext };
  }
  const settled = (asked: Promise<unknown>) =>
    asked.then(
      () => 'answered',
      (error: { code: string }) => error.code,
    );

  test('refuses at once what cannot be answered in time, and drops before the run what no longer can', async () => {
    const { batcher, ran, runNext } = slowBatcher();
    const now = performance.now();
    const patient = settled(batcher.submit([column(1, 2, 3, 4, 5, 6)], { deadlineAt: now + 600_000 }));
    expect(() => batcher.submit([column(7)], { deadlineAt: now + 5_000 })).toThrow('an answer would take');
    // Nobody is before the most urgent one, so that it is let in; but its run would take 2 s.
    const late = settled(batcher.submit([column(8)], { deadlineAt: now + 1_500, priority: 1 }));
    await runNext();
    expect([await patient, await late]).toEqual(['answered', 'DEADLINE_EXCEEDED']);
    expect(ran).toEqual([[1, 2, 3, 4, 5, 6]]);
  });

  test('tells that nothing is in hand any more, also where all that waited was too late or given up', async () => {
    let idle = 0;
    const batcher = new Batcher(batcherOptions({ onIdle: () => idle++ }));
    const deadlineAt = performance.now() + 300;
    const late = [1, 2].map((value) => settled(batcher.submit([column(value)], { deadlineAt })));
    while (performance.now() <= deadlineAt) await new Promise(setImmediate);
    const run = async (inputs: Tensor[]) => ({ outputs: inputs, computeUs: 1 });
    expect(batcher.start(run)).toBeUndefined();
    expect(await Promise.all(late)).toEqual(['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED']);
    expect([batcher.inHand, idle]).toEqual([0, 1]);
    const controller = new AbortController();
    const crashed = settled(batcher.submit([column(3)], { signal: controller.signal }));
    await batcher.start(async () => {
      throw unavailable('EXECUTOR_CRASHED', 'it ended');
    })?.done;
    controller.abort();
    expect([await crashed, batcher.inHand, idle]).toEqual(['CANCELLED', 1, 1]);
    expect(batcher.start(run)).toBeUndefined();
    expect([batcher.inHand, idle]).toEqual([0, 2]);
  });

  test('a wrong prediction mends itself: the last request is run though it should be too late', async () => {
    const { batcher, ran, runNext } = slowBatcher();
    const deadlineAt = performance.now() + 1_500;
    const asked = [2, 1].map((value) =>
      settled(batcher.submit([column(value)], { deadlineAt, priority: value })),
    );
    await runNext();
    expect(await Promise.all(asked)).toEqual(['answered', 'DEADLINE_EXCEEDED']);
    expect(ran).toEqual([[2]]);
  });

  test('gives the place of a cancelled request to another at once', async () => {
    const { batcher, ran, runNext } = slowBatcher(3);
    const controller = new AbortController();
    const gone = settled(batcher.submit([column(1, 2)], { signal: controller.signal }));
    const first = settled(batcher.submit([column(3)]));
    expect(() => batcher.submit([column(4)])).toThrow('Exceeds maximum queue size');
    controller.abort();
    const second = settled(batcher.submit([column(4, 5)]));
    await runNext();
    expect([await gone, await first, await second]).toEqual(['CANCELLED', 'answered', 'answered']);
    expect(ran).toEqual([[3, 4, 5]]);
  });

  test('full, sheds the least urgent rather than the most urgent', async () => {
    const { batcher, ran, runNext } = slowBatcher(2);
    const idle = [1, 2].map((value) => settled(batcher.submit([column(value)], { priority: 200 })));
    const urgent = settled(batcher.submit([column(3)], { priority: 1 }));
    expect(() => batcher.submit([column(4)], { priority: 200 })).toThrow('Exceeds maximum queue size');
    await runNext();
    expect([await urgent, ...(await Promise.all(idle))]).toEqual(['answered', 'answered', 'QUEUE_EXHAUSTED']);
    expect(ran).toEqual([[3, 1]]);
  });

  test('a bad request fails by itself, and its neighbours are answered', async () => {
    const batcher = new Batcher(batcherOptions());
    const asked = Promise.all([1, -1, 2].map((value) => settled(batcher.submit([column(value)]))));
    await batcher.start(async (inputs) => {
      if (inputs[0]?.data[0] === -1 || inputs[0]?.data.length === 3) throw new Error('no');
      return { outputs: inputs, computeUs: 1 };
    })?.done;
    expect(await asked).toEqual(['answered', undefined, 'answered']);
  });
});
