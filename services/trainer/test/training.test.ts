import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { digestOf, PlatformError } from '@perennial/kernel';
import { openColumnSession } from '@perennial/onnx';
import { tempDir, waitFor } from '@perennial/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import type { TrainingRequest } from '../src/decide/exchange.js';
import { trainInProcess } from '../src/effects/training-process.js';
import { columns, dayMs, days, features, writeParquet } from './weather.js';

const dir = tempDir('training');
let trainingFile: string;
let holdoutFile: string;
let largeFile: string;

beforeAll(async () => {
  trainingFile = await writeParquet(path.join(dir, 'training.parquet'), days(0, 300));
  holdoutFile = await writeParquet(path.join(dir, 'holdout.parquet'), days(300, 40));
  largeFile = await writeParquet(path.join(dir, 'large.parquet'), days(0, 60_000));
});

function request(changes: Partial<TrainingRequest> = {}): TrainingRequest {
  return {
    trainingFile,
    holdoutFile,
    championFile: undefined,
    features,
    encodings: {},
    label: 'temp_max',
    arrivesWithinMs: dayMs,
    task: 'regression',
    trainer: 'gbdt',
    parameters: {},
    metric: 'mae',
    slices: [],
    tablesMemoryBytes: 256 * 1024 * 1024,
    ...changes,
  };
}

let runs = 0;
const signal = new AbortController().signal;
const live = { timeoutMs: 60_000, heapMib: 512, signal };

async function run(changes: Partial<TrainingRequest> = {}) {
  const folder = path.join(dir, `run-${++runs}`);
  mkdirSync(folder);
  const result = await trainInProcess(request(changes), { folder, ...live });
  return { result, modelFile: path.join(folder, 'model.onnx') };
}

test('a run gives a model that answers its golden requests, and judges it against baselines', async () => {
  const { result, modelFile } = await run({ slices: [{ column: 'season', minRows: 5 }] });
  expect(result.inputs).toEqual([
    { name: 'temp_min', datatype: 'FP64' },
    { name: 'city', datatype: 'BYTES' },
    { name: 'season', datatype: 'FP64' },
  ]);
  const { candidate, champion, baselines, slices, rows } = result.evaluation;
  expect(rows).toBe(40);
  expect(champion).toBeNull();
  expect(baselines.map(({ name }) => name)).toEqual(['constant', 'last-value']);
  expect(candidate.value).toBeLessThan(baselines[0]?.value as number);
  expect(candidate.interval?.low).toBeLessThan(candidate.value as number);
  expect(slices.map(({ column, rows }) => [column, rows])).toEqual([
    ['season', 30],
    ['season', 10],
  ]);
  const { profile, trainingRows, peakMemoryBytes, notes } = result;
  expect(trainingRows).toBe(300);
  expect(profile['temp_min']).toMatchObject({ kind: 'number', missing: 18 / 300 });
  expect(profile['city']).toMatchObject({ kind: 'text', missing: 14 / 300 });
  expect(peakMemoryBytes).toBeGreaterThan(50e6);
  expect(notes).toEqual([]);

  expect(result.golden).toHaveLength(16);
  const session = await openColumnSession(readFileSync(modelFile));
  for (const { inputs, output } of result.golden) {
    const asked = {
      temp_min: Float64Array.of((inputs['temp_min'] as number | null) ?? Number.NaN),
      city: [(inputs['city'] as string | null) ?? ''],
      season: Float64Array.of(inputs['season'] as number),
    };
    expect((await session.predict(asked, 1))[0]).toBe(output);
  }
  await session.release();
});

test('the same training set and settings give the same bytes', async () => {
  const digests = [];
  for (const trainer of ['gbdt', 'gbdt', 'linear', 'linear']) {
    const { result, modelFile } = await run({ trainer });
    const { peakMemoryBytes: _measured, ...lasting } = result;
    digests.push(digestOf(readFileSync(modelFile)) + digestOf(JSON.stringify(lasting)));
  }
  expect(digests[0]).toBe(digests[1]);
  expect(digests[2]).toBe(digests[3]);
});

test('a champion with other inputs is judged on the same rows, by its own names', async () => {
  const { modelFile } = await run({ features: ['season', 'temp_min'], trainer: 'linear' });
  const { result } = await run({ championFile: modelFile, features: ['temp_min', 'city'] });
  expect(result.evaluation.champion?.value).toBeGreaterThan(0);
  expect(result.notes).toEqual([]);

  const narrow = columns.filter(({ name }) => name !== 'season');
  const without = days(300, 40).map((row) => row.filter((_, at) => columns[at]?.name !== 'season'));
  const narrowFile = await writeParquet(path.join(dir, 'narrow.parquet'), without, narrow);
  const blind = await run({
    championFile: modelFile,
    features: ['temp_min', 'city'],
    holdoutFile: narrowFile,
  });
  expect(blind.result.evaluation.champion?.value).toBeGreaterThan(0);
  expect(blind.result.notes).toEqual([expect.stringContaining('season')]);
});

describe('a run that cannot come to a model says why', () => {
  const cases: [string, string, () => Partial<TrainingRequest>][] = [
    ['a feature that the files lack', 'TRAINING_COLUMNS_MISSING', () => ({ features: ['nowhere'] })],
    ['an unknown parameter', 'PARAMETER_UNKNOWN', () => ({ parameters: { tress: 1 } })],
    ['a label of texts', 'LABEL_INVALID', () => ({ label: 'city', features: ['temp_min'] })],
    ['a label that is no class', 'LABEL_INVALID', () => ({ task: 'classification', metric: 'auc' })],
    ['a champion that is no model', 'MODEL_MALFORMED', () => ({ championFile: trainingFile })],
    ['a file that is not there', 'TABLES_QUERY_FAILED', () => ({ trainingFile: path.join(dir, 'none') })],
  ];
  for (const [name, code, changes] of cases) {
    test(name, async () => {
      await expect(run(changes())).rejects.toMatchObject({ name: 'PlatformError', code });
    });
  }
});

/** Work for minutes. */
const endless = (): Partial<TrainingRequest> => ({
  trainingFile: largeFile,
  parameters: { trees: 10_000, leaves: 4_000, 'min-leaf-rows': 1 },
});

test('a training that takes too long is killed', async () => {
  const folder = path.join(dir, 'late');
  mkdirSync(folder);
  const late = trainInProcess(request(endless()), { folder, ...live, timeoutMs: 1_500 });
  await expect(late).rejects.toMatchObject({ code: 'TRAINING_TIMEOUT', retry: 'after' });
});

test('a training that was stopped says so', async () => {
  const folder = path.join(dir, 'stopped');
  mkdirSync(folder);
  const stopping = new AbortController();
  const stopped = trainInProcess(request(endless()), { folder, ...live, signal: stopping.signal });
  stopping.abort();
  await expect(stopped).rejects.toBeInstanceOf(PlatformError);
  await expect(stopped).rejects.toMatchObject({ code: 'TRAINING_STOPPED' });
});

test('a training process that runs out of memory fails the attempt and nothing else', async () => {
  const folder = path.join(dir, 'small');
  mkdirSync(folder);
  const starved = trainInProcess(request(endless()), { folder, ...live, heapMib: 8 });
  await expect(starved).rejects.toMatchObject({ code: 'TRAINING_PROCESS_DIED', retry: 'after' });
});

test('a training process dies with its service, whatever it is doing', async () => {
  const folder = path.join(dir, 'orphan');
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'request.json'), JSON.stringify(request(endless())));
  const child = fileURLToPath(new URL('../dist/child.js', import.meta.url));
  const pidFile = path.join(folder, 'pid');
  // A service in miniature, which starts a training process and waits.
  const script = `
    const child = require('node:child_process').spawn(process.execPath,
      [${JSON.stringify(child)}, ${JSON.stringify(folder)}, String(process.pid)], { stdio: 'ignore' });
    require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
    setInterval(() => {}, 1000);`;
  const service = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
  const pid = await waitFor('the training process', () => {
    return existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) || undefined : undefined;
  });
  expect(isAlive(pid)).toBe(true);
  service.kill('SIGKILL');
  await waitFor('its end', () => !isAlive(pid));
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // Ended, but nobody has asked how: dead all the same.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
