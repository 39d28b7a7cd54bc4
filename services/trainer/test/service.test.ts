import { create } from '@bufbuild/protobuf';
import type {
  EvaluationCompleted,
  EventKind,
  TrainingRunCompleted,
  TrainingRunStarted,
} from '@perennial/contracts';
import { ChampionReferenceSchema, events, eventType } from '@perennial/contracts';
import type { Digest } from '@perennial/kernel';
import { tempDir, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type House, openHouse } from './house.js';
import { type StoredDataset, storeDataset, systemOf } from './weather.js';

let house: House;
let stored: StoredDataset;

beforeAll(async () => {
  stored = await storeDataset(tempDir('trainer'), 2_000);
  house = await openHouse(stored.artifactsUrl);
  await house.startTrainer();
});

afterAll(async () => {
  await house.close();
});

/** Some runs after each other, on a machine that does other things too. */
const patienceMs = 90_000;
/** Work for longer than a signal takes, so that it can be interrupted. */
const slow = '{ trainer: gbdt, parameters: { trees: 1000, leaves: 200, min-leaf-rows: 1 } }';

async function applied(
  version: number,
  train: string,
  changed = (specJson: string) => specJson,
): Promise<void> {
  const { specDigest, specJson: ours } = systemOf(train);
  const specJson = changed(ours);
  const body = { system: 'weather', version, specDigest, specJson, appliedBy: 'test' };
  await house.tell((emit) => emit(events.systemApplied, 'weather', body));
}

async function materialized(datasetId: string, systemVersion: number): Promise<void> {
  const body = { ...stored.dataset, datasetId, rolloutId: `rollout-of-${datasetId}`, systemVersion };
  await house.tell((emit) => emit(events.datasetMaterialized, datasetId, body));
}

function toldOf<Body>(event: EventKind, datasetId: string): Body[] {
  return house.told
    .filter(({ type }) => type === eventType(event))
    .map(({ body }) => body as Body & { rolloutId: string })
    .filter(({ rolloutId }) => rolloutId === `rollout-of-${datasetId}`);
}

const completedOf = (datasetId: string) =>
  waitFor(
    `the end of the run of ${datasetId}`,
    () => toldOf<TrainingRunCompleted>(events.trainingRunCompleted, datasetId)[0],
    { withinMs: patienceMs / 2 },
  );

const runsOf = async (datasetId: string) => {
  const { runs } = await house.client.listRuns({ system: 'weather' });
  return runs.filter((run) => run.datasetId === datasetId);
};

const statusOf = async (datasetId: string) => (await runsOf(datasetId))[0]?.status;

test('a dataset told twice, before its system.yaml was heard, is trained once', async () => {
  await materialized('twice', 1);
  await materialized('twice', 1);
  await waitFor('the run to be queued', async () => (await statusOf('twice')) === 'queued');
  await applied(1, '{ trainer: gbdt }');
  const completed = await completedOf('twice');

  const [started] = toldOf<TrainingRunStarted>(events.trainingRunStarted, 'twice');
  expect(started).toMatchObject({ trainer: 'gbdt', attempt: 1, datasetId: 'twice' });
  const [evaluated] = await waitFor('the evaluation', () => {
    const all = toldOf<EvaluationCompleted>(events.evaluationCompleted, 'twice');
    return all.length > 0 && all;
  });
  expect(evaluated).toMatchObject({
    runId: completed.runId,
    modelDigest: completed.modelDigest,
    manifestDigest: completed.manifestDigest,
    holdoutRows: 40,
    metric: 'mae',
  });
  expect(evaluated?.champion).toBeUndefined();
  expect(evaluated?.candidate?.value).toBeLessThan(evaluated?.baselines[0]?.value ?? 0);
  expect(evaluated?.baselines[0]?.name).toBe('constant');

  const manifest = JSON.parse(
    new TextDecoder().decode(await stored.artifacts.get(completed.manifestDigest as Digest)),
  );
  const model = await stored.artifacts.get(completed.modelDigest as Digest);
  expect(manifest).toMatchObject({
    kind: 'perennial/model-manifest/v1',
    system: 'weather',
    specDigest: systemOf('{ trainer: gbdt }').specDigest,
    model: { digest: completed.modelDigest, bytes: model.length },
    training: { digest: stored.dataset.trainingDigest, rows: 2_000 },
    task: 'regression',
    reference: { rows: 2_000, holdoutErrors: { metric: 'mae', value: evaluated?.candidate?.value } },
  });
  expect(manifest.golden).toHaveLength(16);
  const runs = await runsOf('twice');
  expect(runs).toHaveLength(1);
  expect(runs[0]).toMatchObject({
    status: 'completed',
    trainingRows: 2_000,
    modelDigest: completed.modelDigest,
  });
  expect(runs[0]?.peakMemoryBytes).toBeGreaterThan(50e6);
});

test('the same rows and settings under another name give the same model; the champion is judged too', async () => {
  const first = await completedOf('twice');
  const champion = create(ChampionReferenceSchema, { version: 1, digest: first.modelDigest });
  const body = { ...stored.dataset, datasetId: 'again', rolloutId: 'rollout-of-again', champion };
  await house.tell((emit) => emit(events.datasetMaterialized, 'again', body));
  const second = await completedOf('again');
  expect(second.runId).not.toBe(first.runId);
  expect(second.modelDigest).toBe(first.modelDigest);
  const [evaluated] = toldOf<EvaluationCompleted>(events.evaluationCompleted, 'again');
  expect(evaluated?.champion?.digest).toBe(first.modelDigest);
  expect(evaluated?.champion?.value).toBe(evaluated?.candidate?.value);
});

test('a run that cannot succeed is told as failed, once, with the reason', async () => {
  // A system that a release with other parameters took; this one would not.
  await applied(2, '{ trainer: gbdt, parameters: { trees: 5 } }', (json) =>
    json.replace('"trees"', '"tress"'),
  );
  await materialized('bad', 2);
  await waitFor('the failure', () => toldOf(events.trainingRunFailed, 'bad')[0]);
  expect(toldOf(events.trainingRunFailed, 'bad')).toEqual([
    expect.objectContaining({ reason: expect.stringMatching(/PARAMETER_UNKNOWN.*tress/) }),
  ]);
  expect(await runsOf('bad')).toEqual([
    expect.objectContaining({ status: 'failed', reason: expect.stringContaining('tress'), attempt: 1 }),
  ]);
});

test('a service killed in the middle of a run leaves it to the next one: one model for the run', {
  timeout: patienceMs,
}, async () => {
  await applied(3, slow);
  await materialized('interrupted', 3);
  await waitFor('the start', () => toldOf(events.trainingRunStarted, 'interrupted')[0]);
  await house.killTrainer('SIGKILL');
  await house.startTrainer();
  const completed = await completedOf('interrupted');
  const started = toldOf<TrainingRunStarted>(events.trainingRunStarted, 'interrupted');
  expect(started.map(({ attempt }) => attempt)).toEqual([1, 2]);

  await materialized('whole', 3);
  expect((await completedOf('whole')).modelDigest).toBe(completed.modelDigest);
  expect(toldOf(events.trainingRunCompleted, 'interrupted')).toHaveLength(1);
  expect(toldOf(events.evaluationCompleted, 'interrupted')).toHaveLength(1);
});

test('a service that is stopped gives its run back and ends in time', { timeout: patienceMs }, async () => {
  await materialized('stopped', 3);
  await waitFor('the start', () => toldOf(events.trainingRunStarted, 'stopped')[0]);
  expect(await house.killTrainer('SIGTERM')).toBe(0);
  expect(toldOf(events.trainingRunCompleted, 'stopped')).toEqual([]);
  await house.startTrainer();
  await completedOf('stopped');
  expect(await statusOf('stopped')).toBe('completed');
});
