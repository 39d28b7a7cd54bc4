import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  CaptureLevel,
  DeploymentUpdatedSchema,
  isRequest,
  type Prediction,
  RouteRole,
  type RouteSchema,
  readPredictions,
  type ServeSettingsSchema,
} from '@perennial/contracts';
import { invalid, PlatformError, systemClock, unavailable } from '@perennial/kernel';
import type { Tensor } from '@perennial/runtime';
import { expect, test } from 'vitest';
import { ResponseCache } from '../../src/cache/response-cache.js';
import { Capture, type CaptureWatch } from '../../src/capture/capture.js';
import { isDrawn } from '../../src/capture/is-drawn.js';
import { Deployments } from '../../src/deployments.js';
import { PredictionSpool } from '../../src/effects/prediction-spool.js';
import type { Inferred } from '../../src/inference.js';
import { Predictor } from '../../src/predictor.js';
import { ModelCounts, reasonOf } from '../../src/telemetry/model-counts.js';

type Serve = MessageInitShape<typeof ServeSettingsSchema>;
type Beside = MessageInitShape<typeof RouteSchema>;

const inferred = (outputs: Tensor[]): Inferred => ({
  outputs,
  replica: 'r1',
  queueUs: 1,
  computeUs: 2,
  batchId: '',
  batchRows: 1,
});

const cancelled = () => new PlatformError('REQUEST_CANCELLED', 'caller', 'never', 'the client went away');
const late = () => new PlatformError('DEADLINE_EXCEEDED', 'dependency', 'after', 'too late');

/** What a request may end in: what reading throws, or what the model does. */
const outcomes = {
  OK: {},
  BODY_MALFORMED: { read: () => invalid('BODY_MALFORMED', 'no JSON') },
  BODY_TIMEOUT: { read: () => invalid('BODY_TIMEOUT', 'too slow') },
  INPUT_MISSING: { inputs: [] },
  DEADLINE_EXCEEDED: { run: late },
  REQUEST_CANCELLED: { run: cancelled },
  QUEUE_EXHAUSTED: { run: () => unavailable('QUEUE_EXHAUSTED', 'full') },
  INTERNAL: { run: () => new Error('a bug') },
} as const satisfies Record<string, { read?: () => Error; run?: () => Error; inputs?: Tensor[] }>;
type Outcome = keyof typeof outcomes;

const sum = (numbers: number[]) => numbers.reduce((total, one) => total + one, 0);
const column: Tensor = { name: 'x', datatype: 'FP64', shape: [1, 1], data: Float64Array.of(1) };

function house(load: () => Promise<unknown> = async () => {}) {
  const told: Prediction[] = [];
  const bus = { isAway: false };
  const deployments: Deployments = new Deployments({
    load,
    isPoolUp: () => true,
    onSwitch: () => {},
    onLoadFailed: () => {},
  });
  const spool = new PredictionSpool({
    tenant: 'default',
    clock: systemClock,
    publish: async ({ body }) => {
      if (bus.isAway) throw new Error('away');
      told.push(...readPredictions(Buffer.from(body)).predictions);
    },
    onOutage: () => {},
  });
  const counts = new ModelCounts();
  const watch: CaptureWatch = {
    came: ({ system }) => counts.came(system),
    ended: (recording, isKnown) => {
      if (isKnown) counts.ended(recording);
      counts.left(recording.system);
    },
  };
  const capture = new Capture({ deployments, spool, clock: systemClock, watch });
  let run: (() => Error) | undefined;
  const predictor = new Predictor({
    deployments,
    capture,
    cache: new ResponseCache(),
    features: async () => [],
    inference: {
      infer: async ({ name }) => {
        if (run) throw run();
        return inferred([{ ...column, name, data: Float64Array.of(7) }]);
      },
    },
  });
  const serve = async (name: string, settings: Serve, epoch = 1n, beside: Beside[] = []) => {
    const routes = [{ role: RouteRole.CHAMPION, version: 1, digest: 'd', weight: 1 }, ...beside];
    const inputs = [{ name: 'x', datatype: 'FP64' }];
    const head = { system: name, deployment: name, epoch, specJson: '' };
    deployments.updated(create(DeploymentUpdatedSchema, { ...head, routes, inputs, serve: settings }));
    await deployments.serves(name, epoch, 1_000);
  };
  deployments.caughtUp();
  /** Resolves when the request is over; with the error's code, or OK. */
  const ask = async (system: string, outcome: Outcome): Promise<string> => {
    const how: { read?: () => Error; run?: () => Error; inputs?: readonly Tensor[] } = outcomes[outcome];
    const deadlineAt = performance.now() + 50;
    run = how.run;
    try {
      await predictor.predictTensors({
        system,
        version: '',
        transport: 'http/v2',
        deadlineAt,
        body: async () => {
          if (how.read) throw how.read();
          return { inputs: how.inputs ?? [column], outputNames: [], eventTime: undefined };
        },
      });
      return 'OK';
    } catch (error) {
      return (error as PlatformError).code ?? 'INTERNAL';
    }
  };
  return { told, counts, bus, spool, serve, ask };
}

test('ten thousand requests of every outcome and level end in exactly one event or one count each', async () => {
  const { told, counts, spool, serve, ask } = house();
  const levels: Record<string, Serve> = {
    all: {},
    some: { captureShare: 0.25 },
    meta: { capture: CaptureLevel.METADATA },
    none: { capture: CaptureLevel.NONE },
  };
  for (const [name, settings] of Object.entries(levels)) await serve(name, settings);
  const names = Object.keys(levels);
  const kinds = Object.keys(outcomes) as Outcome[];
  const asked = new Map<string, number>();
  for (let at = 0; at < 10_000; at++) {
    const [system, kind] = [names[at % 4] as string, kinds[(at * 7) % kinds.length] as Outcome];
    expect(await ask(system, kind)).toBe(kind);
    asked.set(`${system} ${kind}`, (asked.get(`${system} ${kind}`) ?? 0) + 1);
  }
  expect(await ask('unknown', 'OK')).toBe('SYSTEM_NOT_FOUND');
  expect(await spool.drain(5_000)).toBe(true);
  expect([...counts.inHand.values()]).toEqual([0, 0, 0, 0]);
  for (const reason of ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'] as const) {
    const asReason = kinds.filter((kind) => kind !== 'OK' && reasonOf(kind) === reason);
    const wanted = asReason.flatMap((kind) => names.map((name) => asked.get(`${name} ${kind}`) ?? 0));
    const had = counts.all().map(({ failures }) => failures[reason]);
    expect([reason, sum(had)]).toEqual([reason, sum(wanted)]);
  }
  expect(sum(counts.all().map(({ success }) => success))).toBe(
    sum(names.map((name) => asked.get(`${name} OK`) ?? 0)),
  );
  expect(new Set(told.map(({ predictionId }) => predictionId)).size).toBe(told.length);
  for (const system of names) {
    const own = told.filter((event) => event.system === system);
    const events = own.filter(isRequest);
    const counted = own.reduce((sum, { notCaptured }) => sum + Number(notCaptured), 0);
    expect([system, events.length + counted]).toEqual([system, 2_500]);
    if (system === 'all' || system === 'meta') {
      for (const kind of kinds)
        expect(events.filter(({ status }) => status === kind)).toHaveLength(
          asked.get(`${system} ${kind}`) ?? 0,
        );
    }
    if (system === 'none') expect(events).toEqual([]);
    if (system === 'some') expect(events.every(({ predictionId }) => isDrawn(predictionId, 0.25))).toBe(true);
    expect(events.every(({ rows }) => rows.length === 0 || system === 'all' || system === 'some')).toBe(true);
  }
  expect(told.some(({ rows }) => rows[0]?.answers[0]?.value === 7)).toBe(true);
});

test('a full spool sheds with SPOOL_EXHAUSTED, and what was shed is counted exactly when the bus is back', async () => {
  const { told, bus, spool, serve, ask } = house();
  await serve('all', {});
  bus.isAway = true;
  const said = { OK: 0, SPOOL_EXHAUSTED: 0 };
  for (let at = 0; at < 50_500; at++) said[(await ask('all', 'OK')) as keyof typeof said] += 1;
  expect(said).toEqual({ OK: 50_000, SPOOL_EXHAUSTED: 500 });
  bus.isAway = false;
  expect(await spool.drain(20_000)).toBe(true);
  expect(told.filter(isRequest)).toHaveLength(said.OK);
  expect(told.reduce((sum, { notCaptured }) => sum + Number(notCaptured), 0)).toBe(said.SPOOL_EXHAUSTED);
}, 60_000);

test('a request for a model that was brought and never answered is told as what it is', async () => {
  const { told, spool, serve, ask } = house(async () => {
    throw invalid('MODEL_UNSUPPORTED', 'it has an operator that nobody knows');
  });
  await serve('broken', {});
  expect(await ask('broken', 'OK')).toBe('SYSTEM_NOT_SERVING');
  await spool.drain(5_000);
  expect(told.map(({ status, imported }) => [status, imported])).toEqual([['SYSTEM_NOT_SERVING', true]]);
});

test('a sample is the share that it says, decided by the id alone', () => {
  const ids = Array.from({ length: 4_096 }, (_, at) => (at * 0x100000).toString(16).padStart(8, '0'));
  expect(ids.filter((id) => isDrawn(id, 0.25))).toHaveLength(1_024);
  expect(ids.every((id) => isDrawn(id, 0) && isDrawn(id, 1))).toBe(true);
});

test('a change of the level holds for the very next request', async () => {
  const { told, spool, serve, ask } = house();
  await serve('all', {}, 1n);
  await ask('all', 'OK');
  await serve('all', { capture: CaptureLevel.NONE }, 2n);
  await ask('all', 'OK');
  await spool.drain(5_000);
  expect(told.map(({ epoch, notCaptured }) => [epoch, notCaptured])).toEqual([[1n, 1n]]);
});

test('while a candidate is on trial everything is kept, whatever the deployment says', async () => {
  const { told, spool, serve, ask } = house();
  const candidate = { version: 2, digest: 'e', weight: 0, role: RouteRole.SHADOW };
  await serve('all', { capture: CaptureLevel.METADATA, captureShare: 0.000001 }, 1n, [candidate]);
  await ask('all', 'OK');
  await serve('all', { capture: CaptureLevel.METADATA }, 2n, [{ ...candidate, standing: true }]);
  await ask('all', 'OK');
  await spool.drain(5_000);
  expect(told.map(({ epoch, rows }) => [epoch, rows.length])).toEqual([
    [1n, 1],
    [2n, 0],
  ]);
});
