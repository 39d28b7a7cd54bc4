import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { create, toJsonString } from '@bufbuild/protobuf';
import { openArtifacts } from '@perennial/artifacts';
import { connectBus, eventHeaders, publishRaw } from '@perennial/bus';
import {
  type DeploymentUpdated,
  DeploymentUpdatedSchema,
  eventSubject,
  events,
  eventType,
  InferenceService,
  type ServeRequest,
  ServeRequestSchema,
  type ServeResponse,
} from '@perennial/contracts';
import { canonicalJson, type Digest, uuidv7 } from '@perennial/kernel';
import { outputsOf, requestOf } from '@perennial/runtime';
import { type Client, createClient, type RunningService, startService } from '@perennial/service';
import { type NatsForTests, startNats, tempDir, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { addModel, tinyModel } from '../../../libs/runtime/test/tiny-onnx.js';
import { build } from '../src/build.js';
import { settings } from '../src/config.js';

const artifactsDir = tempDir('artifacts');
const ARTIFACTS_URL = pathToFileURL(artifactsDir).href;
const artifacts = await openArtifacts({ url: ARTIFACTS_URL });
const absent = `sha256:${'0'.repeat(64)}` as const;
let nats: NatsForTests;
let service: RunningService;
let client: Client<typeof InferenceService> & { close(): void };
let add: Digest;
/** The same by an operator that no kernel of ours has, so that an executor runs it. */
let sum: Digest;

/** Set, the executor that gets the next run ends with that run in hand: it is sent what it cannot understand. */
let crashNext = false;
let crashes = 0;
const post = Worker.prototype.postMessage;
vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, message, ...rest) {
  if (crashNext && message.kind === 'run') {
    crashNext = false;
    crashes += 1;
    post.call(this, null);
  }
  return post.call(this, message, ...rest);
});

async function start(env: NodeJS.ProcessEnv = {}) {
  const given = { NATS_URL: nats.url, ARTIFACTS_URL, LOG_LEVEL: 'warn', ...env };
  service = await startService(
    { name: 'inference', settings, build: (frame) => build(frame, given) },
    { env: given, onLog: () => undefined },
  );
  client = createClient(InferenceService, service.grpcAddress);
}

beforeAll(async () => {
  nats = await startNats();
  add = (await artifacts.put(addModel())).digest;
  sum = (await artifacts.put(sumModel())).digest;
  await start();
});
afterAll(async () => {
  client?.close();
  await service?.stop();
  await nats?.stop();
});

const sumModel = () =>
  tinyModel({
    inputs: [
      ['a', 'FP64'],
      ['b', 'FP64'],
    ],
    outputs: [['prediction', 'FP64']],
    nodes: [{ op: 'Sum', inputs: ['a', 'b'], outputs: ['prediction'] }],
  });

const column = (name: string, ...values: number[]) => ({
  name,
  datatype: 'FP64' as const,
  shape: [values.length, 1],
  data: Float64Array.from(values),
});

const requestFor = (sequence: number, a: number, over: { digest?: string; timeoutMs?: number } = {}) =>
  create(ServeRequestSchema, {
    sequence: BigInt(sequence),
    digest: over.digest ?? add,
    timeoutMs: over.timeoutMs ?? 0,
    request: requestOf([column('a', a), column('b', 1)], { modelName: 'add', id: `id-${sequence}` }),
  });

/** A stream that is written to and read from at will. */
function openStream() {
  const waiting: ServeRequest[] = [];
  let wake = () => {};
  let isClosed = false;
  const answers = new Map<bigint, ServeResponse>();
  const requests = async function* () {
    while (!isClosed || waiting.length > 0) {
      const next = waiting.shift();
      if (next) yield next;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  };
  const ended = (async () => {
    for await (const answer of client.serve(requests())) answers.set(answer.sequence, answer);
  })();
  const poke = () => wake();
  return {
    answers,
    ended,
    send: (...more: ServeRequest[]) => {
      waiting.push(...more);
      poke();
    },
    close: () => {
      isClosed = true;
      poke();
    },
  };
}

const outcomeOf = ({ outcome }: ServeResponse) =>
  outcome.case === 'response' ? outputsOf(outcome.value)[0]?.data[0] : outcome.value?.code;

describe('the stream', () => {
  test('answers every one of many requests in flight with its own answer', async () => {
    const stream = openStream();
    const count = 10_000;
    stream.send(...Array.from({ length: count }, (_, at) => requestFor(at, at)));
    stream.close();
    await stream.ended;
    expect(stream.answers.size).toBe(count);
    for (const [sequence, answer] of stream.answers) expect(outcomeOf(answer)).toBe(Number(sequence) + 1);
    const { outcome } = stream.answers.get(7n) as ServeResponse;
    expect(outcome.value).toMatchObject({ modelName: 'add', id: 'id-7' });
  });

  test('tells each request what is wrong with it, and goes on', async () => {
    const stream = openStream();
    const unknownOutput = requestFor(3, 1);
    unknownOutput.request?.outputs.push({
      $typeName: 'inference.ModelInferRequest.InferRequestedOutputTensor',
      name: 'x',
      parameters: {},
    });
    const missing = requestFor(4, 1);
    missing.request?.inputs.pop();
    missing.request?.rawInputContents.pop();
    stream.send(
      requestFor(1, 1, { digest: 'add' }),
      requestFor(2, 1, { digest: absent }),
      unknownOutput,
      missing,
      create(ServeRequestSchema, { sequence: 5n, digest: add }),
      requestFor(6, 6),
    );
    stream.close();
    await stream.ended;
    const outcomes = [...stream.answers]
      .sort(([a], [b]) => Number(a - b))
      .map(([, answer]) => outcomeOf(answer));
    expect(outcomes).toEqual([
      'MODEL_DIGEST_INVALID',
      'ARTIFACT_NOT_FOUND',
      'TENSOR_OUTPUT_UNKNOWN',
      'INPUT_MISSING',
      'INPUT_MISSING',
      7,
    ]);
  });

  test('survives the crash of an executor, and answers what was in hand', async () => {
    const stream = openStream();
    stream.send(requestFor(0, 0, { digest: sum }));
    await waitFor('the first answer', () => stream.answers.size === 1);
    crashNext = true;
    stream.send(...Array.from({ length: 501 }, (_, at) => requestFor(at + 1, at + 1, { digest: sum })));
    stream.close();
    await stream.ended;
    expect(crashes).toBe(1);
    expect(stream.answers.size).toBe(502);
    for (const [sequence, answer] of stream.answers) expect(outcomeOf(answer)).toBe(Number(sequence) + 1);
  });

  test('answers late requests with their deadline, while the model is still on its way', async () => {
    // Big enough that fetching, checking and loading takes longer than a millisecond.
    const { digest } = await artifacts.put(addModel('x'.repeat(20_000_000)));
    const stream = openStream();
    stream.send(requestFor(1, 1, { digest, timeoutMs: 1 }));
    stream.close();
    await stream.ended;
    expect(outcomeOf(stream.answers.get(1n) as ServeResponse)).toBe('DEADLINE_EXCEEDED');
  });

  test('ends when the service drains, with what was in hand answered', async () => {
    const stream = openStream();
    stream.send(requestFor(1, 1));
    await waitFor('the stream to be open', () => stream.answers.size === 1);
    stream.send(...Array.from({ length: 50 }, (_, at) => requestFor(at + 2, at + 2)));
    await waitFor('some of them to be in hand', () => stream.answers.size > 1);
    client.close();
    await service.stop();
    await stream.ended;
    // What it had not read when it began to drain, it sent back.
    for (const [sequence, answer] of stream.answers)
      expect([Number(sequence) + 1, 'REPLICA_DRAINING']).toContain(outcomeOf(answer));
    await start();
  });
});

/** A manifest of the add model with these golden requests. */
async function manifestOf(
  golden: { inputs: Record<string, number | null>; output: number }[],
  model: string = add,
) {
  const manifest = {
    kind: 'perennial/model-manifest/v1',
    model: { digest: model, bytes: 1 },
    inputs: [
      { name: 'a', datatype: 'FP64' },
      { name: 'b', datatype: 'FP64' },
    ],
    output: { name: 'prediction', datatype: 'FP64' },
    golden,
  };
  return (await artifacts.put(new TextEncoder().encode(canonicalJson(manifest)))).digest;
}

const testOf = (digest: string, manifestDigest: string) =>
  client.testModel({ model: 'sum', version: 1, digest, manifestDigest });
const right = { inputs: { a: 1.5, b: 2 }, output: 3.5 };

describe('a test', () => {
  test('passes a model that answers as its manifest says, with latency and memory', async () => {
    const tested = await testOf(add, await manifestOf([right, { inputs: { a: 0, b: 0 }, output: 0 }]));
    expect(tested).toMatchObject({ passed: true, reason: '', goldenRequests: 2 });
    expect(tested.latencyP50Ms).toBeGreaterThan(0);
    expect(tested.latencyP99Ms).toBeGreaterThanOrEqual(tested.latencyP50Ms);
    expect(tested.memoryBytes).toBeGreaterThanOrEqual(2 ** 20);
  });

  test('fails with a reason where an answer differs, is missing, or there is nothing to ask', async () => {
    const cases = [
      [
        [right, { inputs: { a: 1, b: 1 }, output: 2.1 }],
        'golden request 2 was answered with 2, the manifest says 2.1',
      ],
      [[{ inputs: { a: 1, b: null }, output: 1 }], 'answered with NaN'],
      [[], 'no golden requests'],
    ] as const;
    for (const [golden, reason] of cases) {
      const tested = await testOf(add, await manifestOf([...golden]));
      expect(tested).toMatchObject({ passed: false, reason: expect.stringContaining(reason) });
    }
    const other = await testOf(add, await manifestOf([right], absent));
    expect(other).toMatchObject({
      passed: false,
      reason: expect.stringContaining('manifest is of another model'),
    });
  });

  test('fails a file that is no model, and is not made where the artifact is not there yet', async () => {
    const { digest } = await artifacts.put(new TextEncoder().encode('no model'));
    const tested = await testOf(digest, await manifestOf([right], digest));
    expect(tested).toMatchObject({ passed: false, reason: expect.stringContaining('MODEL_MALFORMED') });
    await expect(testOf(absent, await manifestOf([right], absent))).rejects.toMatchObject({
      code: 'ARTIFACT_NOT_FOUND',
    });
  });
});

test('a wrong digest is refused', async () => {
  await expect(client.loadModel({ model: 'sum', version: 1, digest: 'sha256:12' })).rejects.toMatchObject({
    code: 'MODEL_DIGEST_INVALID',
    field: 'digest',
  });
  await expect(client.loadModel({ model: 'sum', version: 1, digest: absent })).rejects.toMatchObject({
    code: 'ARTIFACT_NOT_FOUND',
  });
});

test('bytes that do not have the digest are never loaded, whoever changed them', async () => {
  const { digest } = await artifacts.put(addModel('to be tampered with'));
  const hex = digest.slice('sha256:'.length);
  const file = path.join(artifactsDir, 'sha256', hex.slice(0, 2), hex);
  rmSync(file);
  writeFileSync(file, addModel('tampered with'));
  await expect(client.loadModel({ model: 'sum', version: 1, digest })).rejects.toMatchObject({
    code: expect.stringMatching(/^(ARTIFACT_CORRUPT|MODEL_DIGEST_MISMATCH)$/),
  });
  expect((await client.getReplica({})).models.map((model) => model.digest)).not.toContain(digest);
});

test('what is deployed is loaded and named before anybody asks, also what was deployed before the start', async () => {
  const [first, second] = await Promise.all(['first', 'second'].map((name) => artifacts.put(addModel(name))));
  const bus = await connectBus({ url: nats.url, name: 'test' });
  const deploy = (body: Partial<DeploymentUpdated>) => {
    const event = events.deploymentUpdated;
    const id = uuidv7();
    return publishRaw(bus, {
      subject: eventSubject(event, 'default', 'weather'),
      id,
      body: toJsonString(DeploymentUpdatedSchema, create(DeploymentUpdatedSchema, body as object)),
      headers: {
        [eventHeaders.specversion]: '1.0',
        [eventHeaders.id]: id,
        [eventHeaders.type]: eventType(event),
        [eventHeaders.source]: '/perennial/registry',
        [eventHeaders.subject]: 'weather',
        [eventHeaders.time]: new Date().toISOString(),
        [eventHeaders.tenant]: 'default',
        [eventHeaders.sequence]: '1',
        [eventHeaders.correlationid]: id,
      },
    });
  };
  const route = (version: number, digest: string | undefined) => ({ version, digest: digest ?? '' }) as never;
  const names = async () => {
    const { models } = await client.getReplica({});
    return models.filter(({ model }) => model === 'weather').map(({ version }) => version);
  };
  await deploy({ deployment: 'weather', system: 'weather', epoch: 1n, routes: [route(1, first?.digest)] });
  await waitFor('version 1 to be loaded', async () => (await names()).includes(1));
  await deploy({
    deployment: 'weather',
    system: 'weather',
    epoch: 2n,
    routes: [route(1, first?.digest), route(2, second?.digest)],
  });
  await waitFor('version 2 to be loaded', async () => (await names()).includes(2));
  client.close();
  await service.stop();
  await start();
  await waitFor('both to be loaded again', async () => (await names()).length === 2);
  await bus.close();
});
