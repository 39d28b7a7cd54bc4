import { digestOf } from '@perennial/kernel';
import { afterAll, expect, test } from 'vitest';
import { devicesOf, Runtime, type Tensor } from '../src/mod.js';
import { treeModel } from './tree-model.js';

const bytes = treeModel();
const digest = digestOf(bytes);
const runtimeOf = (executors: 1 | 'inline') =>
  new Runtime({ fetch: async () => bytes, executors, threads: 1, memoryBudgetBytes: 1024 ** 3 });
const [inline, thread] = [runtimeOf('inline'), runtimeOf(1)];
afterAll(() => Promise.all([inline.close(), thread.close()]));

const x = (...values: number[]): Tensor => ({
  name: 'x',
  datatype: 'FP32',
  shape: [values.length / 2, 2],
  data: Float32Array.from(values),
});

test('a kernel on this thread answers at once, as the model does, and is counted like any other run', async () => {
  await inline.load(digest);
  const asked = await inline.infer(digest, 'tree', [x(0.2, -0.7)]);
  const before = inline.models()[0];
  const answer = inline.inferNow(digest, [x(0.2, -0.7)], {});
  expect(answer).toMatchObject({ outputs: asked.outputs, queueUs: 0, batchRows: 1 });
  expect(answer?.batchId).not.toBe(asked.batchId);
  const after = inline.models()[0];
  expect(after?.requests).toBe((before?.requests ?? 0) + 1);
  expect(after?.rows).toBe((before?.rows ?? 0) + 1);
  expect(after?.batches).toBe((before?.batches ?? 0) + 1);
});

test('what must wait its turn, is too late, wrong or large is left to infer()', async () => {
  await inline.load(digest);
  const row = [x(0.2, -0.7)];
  const aborted = AbortSignal.abort();
  expect(inline.inferNow(digest, row, { signal: aborted })).toBeUndefined();
  expect(inline.inferNow(digest, row, { deadlineAt: performance.now() - 1 })).toBeUndefined();
  expect(inline.inferNow(digest, [{ ...(row[0] as Tensor), shape: [2, 1] }], {})).toBeUndefined();
  expect(inline.inferNow(digest, [{ ...(row[0] as Tensor), name: 'y' }], {})).toBeUndefined();
  expect(inline.inferNow(digest, [x(...new Array<number>(20_000).fill(0))], {})).toBeUndefined();
  const waiting = inline.infer(digest, 'tree', row);
  expect(inline.inferNow(digest, row, {})).toBeUndefined();
  await waiting;
});

test('a replica with threads answers what takes less than the way to one where it was asked, as a thread does', async () => {
  await thread.load(digest);
  const asked = await thread.infer(digest, 'tree', [x(0.2, -0.7)]);
  const answer = thread.inferNow(digest, [x(0.2, -0.7)], {});
  expect(answer).toMatchObject({ outputs: asked.outputs, queueUs: 0, batchRows: 1 });
  expect(thread.inferNow(digest, [x(...new Array<number>(20_000).fill(0))], {})).toBeUndefined();
});

const hasDevice = devicesOf({ device: 'auto' })[0] !== 'cpu';

test.skipIf(hasDevice)('a replica that looked for a device and found none answers so too', async () => {
  const looking = new Runtime({
    fetch: async () => bytes,
    executors: 1,
    threads: 1,
    memoryBudgetBytes: 1024 ** 3,
    device: 'auto',
  });
  try {
    expect((await looking.load(digest)).device).toMatch(/^cpu \(.*\), own kernel up to \d+ rows$/);
    expect(looking.inferNow(digest, [x(0.2, -0.7)], {})).toBeDefined();
  } finally {
    await looking.close();
  }
});
