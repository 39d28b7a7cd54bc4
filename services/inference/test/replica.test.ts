import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { openArtifacts } from '@perennial/artifacts';
import { InferenceService, ServeRequestSchema, type ServeResponse } from '@perennial/contracts';
import { type Digest, digestOf } from '@perennial/kernel';
import { requestOf } from '@perennial/runtime';
import { createClient, type RunningService, startService } from '@perennial/service';
import { type NatsForTests, startNats, tempDir } from '@perennial/testkit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { addModel } from '../../../libs/runtime/test/tiny-onnx.js';
import { build } from '../src/build.js';
import { settings } from '../src/config.js';

const artifactsDir = tempDir('artifacts');
const ARTIFACTS_URL = pathToFileURL(artifactsDir).href;
let nats: NatsForTests;
let add: Digest;
const stops: (() => unknown)[] = [];

beforeAll(async () => {
  nats = await startNats();
  add = (await (await openArtifacts({ url: ARTIFACTS_URL })).put(addModel())).digest;
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
afterAll(() => nats?.stop());

async function start(env: NodeJS.ProcessEnv = {}) {
  const given = { NATS_URL: nats.url, ARTIFACTS_URL, LOG_LEVEL: 'error', ...env };
  const service: RunningService = await startService(
    { name: 'inference', settings, build: (frame) => build(frame, given) },
    { env: given, onLog: () => undefined },
  );
  const client = createClient(InferenceService, service.grpcAddress);
  let isStopped = false;
  const stop = async () => {
    if (isStopped) return;
    isStopped = true;
    client.close();
    await service.stop();
  };
  stops.push(stop);
  return { client, stop };
}

const column = (name: string, value: number) => ({
  name,
  datatype: 'FP64' as const,
  shape: [1, 1],
  data: Float64Array.of(value),
});
const request = (sequence: number, over: { cancel?: boolean; alone?: boolean } = {}) =>
  create(ServeRequestSchema, {
    sequence: BigInt(sequence),
    digest: add,
    request: requestOf([column('a', sequence), column('b', 1)], { modelName: 'add' }),
    ...over,
  });

async function ask(
  client: Awaited<ReturnType<typeof start>>['client'],
  ...requests: ReturnType<typeof request>[]
) {
  const answers: ServeResponse[] = [];
  const asked = (async function* () {
    yield* requests;
  })();
  for await (const answer of client.serve(asked)) answers.push(answer);
  return answers;
}

test('a replica tells what its models did, in which batches, and what they cost', async () => {
  const { client } = await start({ PERENNIAL_REPLICA_ID: 'first' });
  const loaded = await client.loadModel({ model: 'sum', version: 3, digest: add, pinned: true });
  expect(loaded).toMatchObject({
    device: expect.stringMatching(/^(cpu|cuda)/),
    joinable: true,
    inputs: [{ name: 'a', datatype: 'FP64', shape: [-1n, 1n] }, { name: 'b' }],
    outputs: [{ name: 'prediction' }],
  });
  expect(loaded.costs.map(({ rows }) => rows)).toEqual([1, 8, 32, 128]);
  const answers = await ask(
    client,
    ...Array.from({ length: 40 }, (_, at) => request(at)),
    request(99, { alone: true }),
  );
  expect(answers).toHaveLength(41);
  const batches = new Map(answers.map(({ batchId, batchRows }) => [batchId, batchRows]));
  expect([...batches.values()].reduce((sum, rows) => sum + rows, 0)).toBe(41);
  expect(answers.find(({ sequence }) => sequence === 99n)?.batchRows).toBe(1);

  const replica = await client.getReplica({});
  expect(replica).toMatchObject({
    replicaId: 'first',
    pool: 'cpu',
    inFlight: 0,
    rowsWaiting: 0,
    draining: false,
  });
  expect(replica.devices).toContain('cpu');
  expect(replica.capacity).toBeGreaterThan(0);
  const [model] = replica.models;
  expect(model).toMatchObject({
    model: 'sum',
    version: 3,
    requests: 41n,
    rows: 41n,
    failures: 0n,
    pinned: true,
  });
  expect(Number(model?.batches)).toBe(batches.size);
  expect(model?.batchSizes.reduce((sum, { count }) => sum + Number(count), 0)).toBe(batches.size);
  expect(model?.computeNs).toBeGreaterThan(0n);
  expect(model?.lastInferenceMs).toBeGreaterThan(0n);
});

test('a request that was cancelled is answered so, and an unloaded model comes back when it is asked for', async () => {
  const { client } = await start();
  // The model is not loaded yet, so that the second message finds the first one waiting.
  const [cancelled] = await ask(
    client,
    request(1),
    create(ServeRequestSchema, { sequence: 1n, cancel: true }),
  );
  expect(cancelled?.outcome).toMatchObject({ case: 'error', value: { code: 'CANCELLED' } });
  expect(await client.unloadModel({ digest: add })).toMatchObject({ unloaded: true });
  expect((await client.getReplica({})).models).toEqual([]);
  expect((await ask(client, request(2)))[0]?.outcome.case).toBe('response');
});

test('a replica with a cache needs no store for what it had, and takes no copy that is damaged', async () => {
  const cacheDir = tempDir('cache');
  const env = { PERENNIAL_CACHE_DIR: cacheDir };
  const first = await start(env);
  await first.client.loadModel({ model: 'sum', version: 1, digest: add });
  await first.stop();
  const away = { ...env, ARTIFACTS_URL: pathToFileURL(tempDir('empty')).href };
  const second = await start(away);
  expect((await ask(second.client, request(5)))[0]?.outcome.case).toBe('response');
  await second.stop();

  const hex = add.slice('sha256:'.length);
  expect(readdirSync(path.join(cacheDir, 'sha256', hex.slice(0, 2)))).toEqual([hex]);
  const copy = path.join(cacheDir, 'sha256', hex.slice(0, 2), hex);
  rmSync(copy);
  writeFileSync(copy, addModel('other'));
  const third = await start(away);
  expect((await ask(third.client, request(6)))[0]?.outcome).toMatchObject({
    case: 'error',
    value: { code: 'ARTIFACT_NOT_FOUND' },
  });
  await third.stop();
  const fourth = await start(env);
  expect((await ask(fourth.client, request(7)))[0]?.outcome.case).toBe('response');
  expect(digestOf(addModel())).toBe(add);
});

test.skipIf(existsSync('/dev/nvidiactl'))(
  'a replica of pool gpu runs nothing on the CPU, and says why it has no other device',
  async () => {
    const { client } = await start({ PERENNIAL_POOL: 'gpu' });
    await expect(client.loadModel({ model: 'sum', version: 1, digest: add })).rejects.toMatchObject({
      code: 'MODEL_DEVICE_UNAVAILABLE',
      message: expect.stringContaining('cuda'),
    });
    expect((await client.getReplica({})).devices).toEqual([]);
  },
);
