import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PlatformError } from '@perennial/kernel';
import { type Trained, train } from '@perennial/learn';
import {
  type Column,
  type ColumnSession,
  checkModel,
  openColumnSession,
  runtimeVersion,
} from '@perennial/onnx';
import { openTables, type Tables } from '@perennial/tables';
import { modelFileName, type TrainingRequest, type TrainingResult } from '../decide/exchange.js';
import { goldenColumns, goldenRequests, goldenRowsOf } from '../decide/golden-rows.js';
import { trainerLimits } from '../decide/limits.js';
import { profileOf } from '../decide/profile.js';
import { type Champion, openChampion } from './champion.js';
import { judge } from './judge.js';
import { type LoadedRows, loadRows } from './load.js';

/** Of what is drawn at random where a trainer has no seed of its own. */
const seedOtherwise = 1;

/**
 * The whole of a run, from Parquet to a checked and judged model file in `folder`.
 *
 * @throws PlatformError
 */
export async function runTraining(request: TrainingRequest, folder: string): Promise<TrainingResult> {
  const champion = request.championFile === undefined ? undefined : await openChampion(request.championFile);
  const { training, holdout } = await load(request, champion, folder);
  const { features, encodings } = request;
  const table = { features, encodings, columns: training.columns, label: training.label };
  const model = train(request.trainer, { table, task: request.task, parameters: request.parameters });
  const file = model.toOnnx();
  checkModel(file);
  const session = await openColumnSession(file);
  const candidate = await checkedAnswers(model, session, training, holdout);
  const theirs = await champion?.predict(holdout);
  const seed = model.trainer.parameters['seed'] ?? seedOtherwise;
  const result = {
    trainer: model.trainer,
    seed,
    inputs: model.inputs.map(({ name, kind }) => {
      return { name, datatype: kind === 'text' ? ('BYTES' as const) : ('FP64' as const) };
    }),
    runtime: { onnxruntime: await runtimeVersion(), node: process.versions.node.split('.')[0] as string },
    profile: Object.fromEntries(
      request.features.map((name) => [name, profileOf(training.columns[name] as Column)]),
    ),
    golden: await golden(session, request.features, holdout.rows > 0 ? holdout : training),
    evaluation: judge({ request, training, holdout, candidate, champion: theirs?.predicted, seed }),
    trainingRows: training.rows,
    notes: [...(theirs?.notes ?? []), ...sliceNotes(request, holdout)],
  };
  await session.release();
  await champion?.release();
  await writeFile(path.join(folder, modelFileName), file);
  return { ...result, peakMemoryBytes: process.resourceUsage().maxRSS * 1024 };
}

/** DuckDB gives its memory back before the training takes its own. */
async function load(
  request: TrainingRequest,
  champion: Champion | undefined,
  folder: string,
): Promise<{ training: LoadedRows; holdout: LoadedRows }> {
  const { features, label, trainingFile, holdoutFile, slices, tablesMemoryBytes } = request;
  const tables: Tables = await openTables({ memoryLimitBytes: tablesMemoryBytes, tempDir: folder });
  try {
    const wanted = [
      ...(champion?.inputs ?? []).map(({ name }) => name),
      ...slices.map(({ column }) => column),
    ];
    return {
      training: await loadRows(tables, trainingFile, label, { needed: features }),
      holdout: await loadRows(tables, holdoutFile, label, { needed: features, wanted }),
    };
  } finally {
    await tables.close();
  }
}

/**
 * The file's answers on the hold-out, after comparing them with the trainer's own there and on training rows.
 *
 * @throws PlatformError MODEL_FILE_DIFFERS
 */
async function checkedAnswers(
  model: Trained,
  session: ColumnSession,
  training: LoadedRows,
  holdout: LoadedRows,
): Promise<Float64Array> {
  const rows = Math.min(training.rows, trainerLimits.checkRows);
  const some = Object.fromEntries(
    model.inputs.map(({ name }) => [name, (training.columns[name] as Column).slice(0, rows)]),
  );
  compare(model.predict(some, rows), await session.predict(some, rows));
  const answers = await session.predict(holdout.columns, holdout.rows);
  compare(model.predict(holdout.columns, holdout.rows), answers);
  return answers;
}

function compare(own: Float64Array, theirs: Float64Array): void {
  const row = own.findIndex((value, at) => {
    const difference = Math.abs(value - (theirs[at] as number));
    return !(difference <= trainerLimits.checkTolerance * Math.max(1, Math.abs(value)));
  });
  if (row < 0) return;
  throw new PlatformError(
    'MODEL_FILE_DIFFERS',
    'us',
    'never',
    `the model file answers ${theirs[row]} where the trainer says ${own[row]}; it is not used`,
  );
}

async function golden(session: ColumnSession, features: readonly string[], { columns, rows }: LoadedRows) {
  const own = Object.fromEntries(features.map((name) => [name, columns[name] as Column]));
  const chosen = goldenRowsOf(rows);
  const asked = goldenColumns(own, chosen);
  return goldenRequests(asked, await session.predict(asked, chosen.length));
}

function sliceNotes({ slices }: TrainingRequest, { columns }: LoadedRows): string[] {
  return slices
    .filter(({ column }) => columns[column] === undefined)
    .map(({ column }) => `gate.slices names ${column}, which the hold-out has not; it was not judged`);
}
