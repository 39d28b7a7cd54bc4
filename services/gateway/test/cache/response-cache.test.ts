import { create } from '@bufbuild/protobuf';
import { RouteSchema, ServeSettingsSchema } from '@perennial/contracts';
import { invalid, PlatformError } from '@perennial/kernel';
import type { Tensor } from '@perennial/runtime';
import { expect, test } from 'vitest';
import { type CacheAsk, ResponseCache } from '../../src/cache/response-cache.js';
import type { Inferred } from '../../src/inference.js';

const column = (...values: number[]): Tensor => ({
  name: 'x',
  datatype: 'FP64',
  shape: [values.length, 1],
  data: Float64Array.from(values),
});

const ask = (over: Partial<CacheAsk> & { entries?: number } = {}): CacheAsk => ({
  system: 'heat',
  route: create(RouteSchema, { version: 1, digest: 'd1' }),
  serve: create(ServeSettingsSchema, { cacheSeconds: 60, cacheEntries: over.entries ?? 0 }),
  tenant: 'default',
  columns: [column(1)],
  deadlineAt: performance.now() + 10_000,
  ...over,
});

/** A model that counts its runs. */
function counting() {
  const state = { runs: 0, now: 0, looks: [] as boolean[] };
  const cache = new ResponseCache({ now: () => state.now, onLook: (_ask, isHit) => state.looks.push(isHit) });
  const run = async (): Promise<Inferred> => {
    state.runs += 1;
    const outputs = [column(state.runs)];
    return { outputs, replica: 'edge', queueUs: 0, computeUs: 0, batchId: '', batchRows: 1 };
  };
  const value = async (asked: CacheAsk) => (await cache.through(asked, run)).inferred.outputs[0]?.data[0];
  return { state, cache, run, value };
}

test('a hundred equal requests at the same time run once, and each gets the answer', async () => {
  const { state, value } = counting();
  const answers = await Promise.all(Array.from({ length: 100 }, () => value(ask())));
  expect(answers).toEqual(Array.from({ length: 100 }, () => 1));
  expect(state.runs).toBe(1);
  expect(state.looks.filter((isHit) => isHit)).toHaveLength(99);
});

test('another input, version, digest, tenant or deployment never gets the answer', async () => {
  const { state, value } = counting();
  const others: CacheAsk[] = [
    ask(),
    ask({ columns: [column(2)] }),
    ask({ columns: [{ ...column(1), shape: [1] }] }),
    ask({ columns: [{ ...column(1), datatype: 'BYTES', data: ['1'] }] }),
    ask({ columns: [{ ...column(1), name: 'y' }] }),
    ask({ route: create(RouteSchema, { version: 2, digest: 'd1' }) }),
    ask({ route: create(RouteSchema, { version: 1, digest: 'd2' }) }),
    ask({ tenant: 'other' }),
    ask({ system: 'snow' }),
  ];
  for (const other of others) await value(other);
  expect(state.runs).toBe(others.length);
  for (const other of others) await value(other);
  expect(state.runs).toBe(others.length);
});

test('an answer is given again for so long and no longer', async () => {
  const { state, value } = counting();
  await value(ask());
  state.now = 59_999;
  expect(await value(ask())).toBe(1);
  state.now = 60_000;
  expect(await value(ask())).toBe(2);
});

test('the least recently used goes first, within the entries of the deployment', async () => {
  const { state, cache, value } = counting();
  for (const input of [1, 2, 1, 3]) await value(ask({ columns: [column(input)], entries: 2 }));
  expect(cache.size.entries).toBe(2);
  expect(state.runs).toBe(3);
  await value(ask({ columns: [column(1)], entries: 2 }));
  expect(state.runs).toBe(3);
  await value(ask({ columns: [column(2)], entries: 2 }));
  expect(state.runs).toBe(4);
});

test('all answers together are bounded in bytes, and give them back', async () => {
  const { cache, state } = counting();
  const large = async (): Promise<Inferred> => ({
    outputs: [{ ...column(1), data: new Float64Array(2 ** 18) }],
    replica: 'edge',
    queueUs: 0,
    computeUs: 0,
    batchId: '',
    batchRows: 1,
  });
  for (let at = 0; at < 100; at++)
    await cache.through(ask({ columns: [column(at)], system: `s${at % 3}` }), large);
  expect(cache.size.bytes).toBeLessThanOrEqual(64 * 1024 * 1024);
  expect(cache.size.entries).toBeGreaterThan(20);
  state.now = 1e9;
  expect(await cache.through(ask({ columns: [column(99)], system: 's0' }), large)).toMatchObject({
    isCached: false,
  });
});

test('what the first one did wrong is told to those behind it, what only befell it is not', async () => {
  const { cache, state, run } = counting();
  let refuse: (error: Error) => void = () => {};
  const failing = () =>
    new Promise<Inferred>((_, reject) => {
      refuse = reject;
    });
  const outcomeOf = (work: Promise<{ isCached: boolean }>) =>
    work.then(
      ({ isCached }) => isCached,
      (error: PlatformError) => error.code,
    );
  const first = outcomeOf(cache.through(ask(), failing));
  const second = outcomeOf(cache.through(ask(), run));
  refuse(invalid('MODEL_RUN_FAILED', 'no such row'));
  expect([await first, await second]).toEqual(['MODEL_RUN_FAILED', 'MODEL_RUN_FAILED']);
  const gone = outcomeOf(cache.through(ask(), failing));
  const behind = outcomeOf(cache.through(ask(), run));
  refuse(new PlatformError('REQUEST_CANCELLED', 'caller', 'never', 'the client went away'));
  expect([await gone, await behind]).toEqual(['REQUEST_CANCELLED', false]);
  expect(state.runs).toBe(1);
});

test('who waits for another one keeps the own deadline', async () => {
  const { cache } = counting();
  const never = () => new Promise<Inferred>(() => {});
  void cache.through(ask(), never);
  const impatient = cache.through(ask({ deadlineAt: performance.now() + 5 }), never);
  await expect(impatient).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
});
