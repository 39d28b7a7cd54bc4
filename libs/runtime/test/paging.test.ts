import { type Digest, digestOf, unavailable } from '@perennial/kernel';
import { node, writeModel } from '@perennial/onnx';
import { waitFor } from '@perennial/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import { Runtime, type RuntimeOptions, type Tensor } from '../src/mod.js';

const MiB = 2 ** 20;
const runtimes: Runtime[] = [];
function runtimeOf(over: Partial<RuntimeOptions>) {
  const runtime = new Runtime({
    fetch: async () => new Uint8Array(),
    executors: 1,
    threads: 1,
    memoryBudgetBytes: 50 * MiB,
    ...over,
  });
  runtimes.push(runtime);
  return runtime;
}
afterAll(() => Promise.all(runtimes.map((runtime) => runtime.close())));

/** y = a + number. */
function adding(number: number): Uint8Array {
  return writeModel({
    producer: 'test',
    producerVersion: '1',
    opsets: { '': 15 },
    graph: {
      name: `adds ${number}`,
      inputs: [{ name: 'a', type: 'double', dims: ['N', 1] }],
      outputs: [{ name: 'y', type: 'double', dims: ['N', 1] }],
      constants: [{ name: 'number', type: 'double', dims: [1], data: Float64Array.of(number) }],
      nodes: [node('Add', ['a', 'number'], 'y')],
    },
  });
}
const column = (value: number): Tensor => ({
  name: 'a',
  datatype: 'FP64',
  shape: [1, 1],
  data: Float64Array.of(value),
});

function library(count: number) {
  const files = new Map<Digest, Uint8Array>();
  const digests = Array.from({ length: count }, (_, number) => {
    const bytes = adding(number);
    const digest = digestOf(bytes);
    files.set(digest, bytes);
    return digest;
  });
  let fetches = 0;
  return {
    digests,
    fetch: async (digest: Digest) => {
      fetches += 1;
      return files.get(digest) as Uint8Array;
    },
    get fetches() {
      return fetches;
    },
  };
}

/** Ranks by Zipf's law of exponent 1.1, the same each time. */
function zipf(count: number) {
  const weights = Array.from({ length: count }, (_, rank) => 1 / (rank + 1) ** 1.1);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let state = 42;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    let left = (state / 2 ** 31) * total;
    return Math.max(
      0,
      weights.findIndex((weight) => {
        left -= weight;
        return left <= 0;
      }),
    );
  };
}

describe('many models in little memory', () => {
  test('200 models where 50 fit all answer right, within the budget, and those in demand stay', async () => {
    const models = library(200);
    const runtime = runtimeOf({ fetch: models.fetch });
    const next = zipf(200);
    let mostUsed = 0;
    const ask = async () => {
      for (let at = 0; at < 60; at++) {
        const rank = next();
        const { outputs } = await runtime.infer(models.digests[rank] as Digest, 'm', [column(at)]);
        expect(outputs[0]?.data[0]).toBe(at + rank);
        mostUsed = Math.max(mostUsed, runtime.memoryUsedBytes);
      }
    };
    await Promise.all(Array.from({ length: 20 }, ask));
    // A model is measured when it is in; until others have gone it may be a little over.
    expect(mostUsed).toBeLessThanOrEqual(55 * MiB);
    expect(runtime.memoryUsedBytes).toBeLessThanOrEqual(50 * MiB);
    expect(runtime.state(models.digests[0] as Digest).state).toBe('resident');
    // A load takes at most one model's place, once 50 are in.
    expect(runtime.evictions).toBeGreaterThan(0);
    expect(runtime.evictions).toBeLessThanOrEqual(models.fetches - runtime.models().length);
    // Of 1,200 requests most find their model: what is in demand is not paged out for what is not.
    expect(models.fetches).toBeLessThan(600);
  });

  test('a model is loaded once, however many ask for it at the same time', async () => {
    const models = library(1);
    const runtime = runtimeOf({ fetch: models.fetch });
    await Promise.all(
      Array.from({ length: 50 }, () => runtime.infer(models.digests[0] as Digest, 'm', [column(1)])),
    );
    expect(models.fetches).toBe(1);
  });

  test('what does not fit beside pinned models is refused, and says what to do', async () => {
    const models = library(4);
    const [a, b, c, d] = models.digests as [Digest, Digest, Digest, Digest];
    const runtime = runtimeOf({ fetch: models.fetch, memoryBudgetBytes: 2.5 * MiB });
    // The first one of a process brings the engine's own memory along, and is measured as larger.
    await runtimeOf({ fetch: models.fetch, memoryBudgetBytes: 1_000 * MiB }).load(a);
    await runtime.load(a, { pinned: true });
    await runtime.load(b);
    await expect(runtime.load(d, { onlyIfRoom: true })).rejects.toMatchObject({
      code: 'MODEL_MEMORY_EXHAUSTED',
    });
    await runtime.load(c, { pinned: true });
    expect(runtime.state(b).state).toBe('absent');
    await expect(runtime.infer(d, 'm', [column(1)])).rejects.toMatchObject({
      code: 'MODEL_MEMORY_EXHAUSTED',
      retry: 'after',
    });
    await runtime.load(c, { pinned: false });
    expect((await runtime.infer(d, 'm', [column(1)])).outputs[0]?.data[0]).toBe(4);
  });

  test('an unloaded model answers what it has in hand first, and is loaded again when asked for', async () => {
    const models = library(1);
    const [digest] = models.digests as [Digest];
    const runtime = runtimeOf({ fetch: models.fetch });
    await runtime.load(digest);
    const asked = Array.from({ length: 20 }, (_, at) => runtime.infer(digest, 'm', [column(at)]));
    const unloaded = runtime.unload(digest);
    expect(runtime.state(digest).state).toBe('draining');
    const late = runtime.infer(digest, 'm', [column(99)]);
    expect((await Promise.all(asked)).map(({ outputs }) => outputs[0]?.data[0])).toEqual(
      Array.from({ length: 20 }, (_, at) => at),
    );
    expect(await unloaded).toBe(true);
    expect((await late).outputs[0]?.data[0]).toBe(99);
    expect(models.fetches).toBe(2);
  });

  test('a bad file is not tried again for every request; a store that is away is', async () => {
    let fetches = 0;
    const bytes = new TextEncoder().encode('no model');
    const runtime = runtimeOf({
      fetch: async () => {
        fetches += 1;
        if (fetches === 1) throw unavailable('ARTIFACTS_UNAVAILABLE', 'away');
        return bytes;
      },
    });
    const digest = digestOf(bytes);
    const ask = () => runtime.infer(digest, 'm', [column(1)]).catch((error: { code: string }) => error.code);
    expect([await ask(), await ask(), await ask()]).toEqual([
      'ARTIFACTS_UNAVAILABLE',
      'MODEL_MALFORMED',
      'MODEL_MALFORMED',
    ]);
    expect(fetches).toBe(2);
    expect(runtime.state(digest)).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('no ONNX'),
    });
    await expect(runtime.load(digest)).rejects.toMatchObject({ code: 'MODEL_MALFORMED' });
    expect(fetches).toBe(3);
  });

  test('only what is signed is loaded where signatures are asked for', async () => {
    const models = library(2);
    const [a, b] = models.digests as [Digest, Digest];
    const runtime = runtimeOf({
      fetch: models.fetch,
      verify: ({ name, version, digest }, signature) => {
        if (signature !== `${name} ${version} ${digest}`) throw unavailable('MODEL_SIGNATURE_INVALID', 'no');
      },
    });
    await expect(runtime.infer(a, 'm', [column(1)])).rejects.toMatchObject({
      code: 'MODEL_SIGNATURE_INVALID',
    });
    expect(models.fetches).toBe(0);
    const signature = `m 1 ${a}`;
    await runtime.infer(a, 'm', [column(1)], { version: 1, signature });
    await runtime.unload(a);
    await runtime.infer(a, 'm', [column(1)]);
    await expect(runtime.load(b, { name: 'm', version: 1, signature })).rejects.toMatchObject({
      code: 'MODEL_SIGNATURE_INVALID',
    });
    await waitFor('nothing to be in hand', () => runtime.inFlight === 0);
  });
});
