import { Worker } from 'node:worker_threads';
import { digestOf, unavailable } from '@perennial/kernel';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Batcher, type Ran } from '../src/batcher.js';
import { Runtime, type Tensor } from '../src/mod.js';
import { addModel } from './tiny-onnx.js';

const column = (name: string, ...values: number[]): Tensor => ({
  name,
  datatype: 'FP64',
  shape: [values.length, 1],
  data: Float64Array.from(values),
});

afterEach(() => void vi.restoreAllMocks());

describe('an executor that crashes', () => {
  /** A batcher whose executors end whenever they meet -1. */
  function batcherWithPoison() {
    const runs: number[][] = [];
    const run = async (inputs: Tensor[]): Promise<Ran> => {
      const values = Array.from(inputs[0]?.data as Float64Array);
      runs.push(values);
      if (values.includes(-1)) throw unavailable('EXECUTOR_CRASHED', 'it ended');
      return { outputs: inputs, computeUs: 1 };
    };
    const batcher = new Batcher({ batchable: true, wake: () => undefined });
    const dispatchAll = async () => {
      while (batcher.hasWork) await batcher.dispatch(run);
    };
    return { batcher, runs, dispatchAll };
  }

  test('takes nobody down but the request that it cannot stand', async () => {
    const { batcher, runs, dispatchAll } = batcherWithPoison();
    const asked = Promise.allSettled([1, -1, 2].map((value) => batcher.submit([column('a', value)])));
    await dispatchAll();
    expect(await asked).toMatchObject([
      { status: 'fulfilled', value: { outputs: [{ data: Float64Array.of(1) }] } },
      { status: 'rejected', reason: { code: 'EXECUTOR_CRASHED' } },
      { status: 'fulfilled', value: { outputs: [{ data: Float64Array.of(2) }] } },
    ]);
    expect(runs.filter((values) => values.includes(-1))).toEqual([[1, -1, 2], [-1], [-1]]);
    expect(batcher.inHand).toBe(0);
  });

  test('a closed runtime answers what waits instead of keeping it', async () => {
    const { batcher } = batcherWithPoison();
    const asked = batcher.submit([column('a', 1)]);
    batcher.close();
    await expect(asked).rejects.toMatchObject({ code: 'EXECUTOR_CLOSED' });
  });

  test('is replaced, and what it had in hand is answered', async () => {
    const workers = new Set<Worker>();
    const post = Worker.prototype.postMessage;
    vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, ...given) {
      workers.add(this);
      return post.apply(this, given);
    });
    const exits: string[] = [];
    const bytes = addModel();
    const runtime = new Runtime({
      fetch: async () => bytes,
      executors: 1,
      threads: 1,
      memoryBudgetBytes: 1024 ** 3,
      onExecutorExit: (reason) => exits.push(reason),
    });
    const digest = digestOf(bytes);
    await runtime.load(digest);
    const ask = (a: number) => runtime.infer(digest, 'add', [column('a', a), column('b', 1)]);
    const asked = Promise.all([ask(1), ask(2), ask(3)]);
    const [worker] = workers;
    await worker?.terminate();
    expect((await asked).map(({ outputs }) => outputs[0]?.data)).toEqual(
      [2, 3, 4].map((value) => Float64Array.of(value)),
    );
    expect(exits).toHaveLength(1);
    expect((await ask(9)).outputs[0]?.data).toEqual(Float64Array.of(10));
    await runtime.close();
  });
});

test('a file that is no model is refused before the engine sees it', async () => {
  const bytes = new TextEncoder().encode('no model');
  const runtime = new Runtime({
    fetch: async () => bytes,
    executors: 1,
    threads: 1,
    memoryBudgetBytes: 1024 ** 3,
  });
  await expect(runtime.load(digestOf(bytes))).rejects.toMatchObject({ code: 'MODEL_MALFORMED' });
  await runtime.close();
});
