import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { digestOf, unavailable } from '@perennial/kernel';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Batcher } from '../src/batcher.js';
import { runtimeLimits } from '../src/limits.js';
import { Runtime, type Tensor } from '../src/mod.js';
import { processLine } from '../src/process-line.js';
import { RemoteExecutor } from '../src/remote-executor.js';
import { threadLine } from '../src/thread-line.js';
import type { Ran } from '../src/types.js';
import { batcherOptions } from './batcher-options.js';
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
    const batcher = new Batcher(batcherOptions());
    const dispatchAll = async () => {
      while (batcher.hasWork) await batcher.start(run)?.done;
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
    expect(runs.filter((values) => values.includes(-1))).toEqual([[1, -1, 2], [-1]]);
    await expect(async () => batcher.submit([column('a', -1)])).rejects.toMatchObject({
      code: 'REQUEST_QUARANTINED',
    });
    expect(batcher.inHand).toBe(0);
  });

  test('a closed runtime answers what waits instead of keeping it', async () => {
    const { batcher } = batcherWithPoison();
    const asked = batcher.submit([column('a', 1)]);
    batcher.close();
    await expect(asked).rejects.toMatchObject({ code: 'EXECUTOR_CLOSED' });
  });

  test('is replaced, and what it had in hand is answered', async () => {
    let crashes = 0;
    const post = Worker.prototype.postMessage;
    vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, message, ...rest) {
      // No message that an executor knows; it ends with a TypeError and the run behind it in hand.
      if (message.kind === 'run' && crashes++ === 0) post.call(this, null);
      return post.call(this, message, ...rest);
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
    const ask = (a: number) => runtime.infer(digest, 'add', [column('a', a), column('b', 1)]);
    const answers = await Promise.all([ask(1), ask(2), ask(3)]);
    expect(answers.map(({ outputs }) => outputs[0]?.data)).toEqual(
      [2, 3, 4].map((value) => Float64Array.of(value)),
    );
    expect(exits).toHaveLength(1);
    expect((await ask(9)).outputs[0]?.data).toEqual(Float64Array.of(10));
    await runtime.close();
  });

  test('does not take the process with it when the runtime closes in the middle of a run', async () => {
    const bytes = addModel();
    const runtime = new Runtime({
      fetch: async () => bytes,
      executors: 2,
      threads: 1,
      memoryBudgetBytes: 1024 ** 3,
    });
    const rows = Array.from({ length: 20_000 }, (_, at) => at);
    await runtime.load(digestOf(bytes));
    const asked = Promise.allSettled(
      [1, 2, 3].map(() =>
        runtime.infer(digestOf(bytes), 'add', [column('a', ...rows), column('b', ...rows)]),
      ),
    );
    await new Promise((resolve) => setImmediate(resolve));
    await runtime.close();
    for (const { status } of await asked) expect(['fulfilled', 'rejected']).toContain(status);
  });
});

describe('a process that runs models', () => {
  test('may be killed with requests in hand, and they are answered by the next one', async () => {
    const bytes = addModel();
    const exits: string[] = [];
    const runtime = new Runtime({
      fetch: async () => bytes,
      executors: 1,
      isolation: 'process',
      threads: 1,
      memoryBudgetBytes: 1024 ** 3,
      onExecutorExit: (reason) => exits.push(reason),
    });
    const ask = (a: number) => runtime.infer(digestOf(bytes), 'add', [column('a', a), column('b', 1)]);
    expect((await ask(1)).outputs[0]?.data).toEqual(Float64Array.of(2));
    const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ');
    const pid = children.find((child) =>
      readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('executor-process'),
    );
    const asked = [2, 3].map(ask);
    process.kill(Number(pid), 'SIGKILL');
    expect((await Promise.all(asked)).map(({ outputs }) => outputs[0]?.data)).toEqual([
      Float64Array.of(3),
      Float64Array.of(4),
    ]);
    expect(exits).toEqual([expect.stringContaining('SIGKILL')]);
    await runtime.close();
  });
});

describe.each(['thread', 'process'] as const)('a run that does not come back, in a %s', (isolation) => {
  test('is given up with its executor after its limit, and tells so', async () => {
    const host = { threads: 1, device: 'cpu', requireDevice: false } as const;
    const line = isolation === 'process' ? processLine(host) : threadLine(host);
    const exits: string[] = [];
    // The run never gets there, as if the engine did not come back from it.
    const post = line.post;
    line.post = (request) => request.kind !== 'run' && post(request);
    const executor = new RemoteExecutor(line, (reason) => exits.push(reason));
    const bytes = addModel();
    await executor.load(digestOf(bytes), bytes, []);
    await expect(executor.run(digestOf(bytes), [], 20)).rejects.toMatchObject({ code: 'EXECUTOR_STUCK' });
    expect(exits).toEqual([expect.stringContaining('was not over after 20 ms')]);
    await expect(executor.run(digestOf(bytes), [], 20)).rejects.toMatchObject({ code: 'EXECUTOR_CLOSED' });
  });
});

test('a model that does not come back three times is not asked again for a while, and others are', async () => {
  const [stuck, fine] = [addModel('stuck'), addModel('fine')];
  const post = Worker.prototype.postMessage;
  vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, message, ...rest) {
    if (message.kind !== 'run' || message.digest !== digestOf(stuck)) post.call(this, message, ...rest);
  });
  const limit = vi.spyOn(runtimeLimits, 'stuckAfterMsMin', 'get').mockReturnValue(30 as never);
  const runtime = new Runtime({
    fetch: async (digest) => (digest === digestOf(stuck) ? stuck : fine),
    executors: 1,
    threads: 1,
    memoryBudgetBytes: 1024 ** 3,
  });
  const ask = (bytes: Uint8Array, a: number) =>
    runtime.infer(digestOf(bytes), 'm', [column('a', a), column('b', 1)]).then(
      () => 'answered',
      (error: { code: string }) => error.code,
    );
  // Each of them ends two executors, and is not tried a third time.
  expect([await ask(stuck, 1), await ask(stuck, 2), await ask(stuck, 3)]).toEqual([
    'EXECUTOR_STUCK',
    'EXECUTOR_STUCK',
    'MODEL_STUCK',
  ]);
  limit.mockRestore();
  expect(await ask(fine, 1)).toBe('answered');
  await runtime.close();
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
