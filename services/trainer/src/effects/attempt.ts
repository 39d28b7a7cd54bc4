import path from 'node:path';
import type { ArtifactStore } from '@perennial/artifacts';
import type { DatasetMaterialized } from '@perennial/contracts';
import { canonicalJson, type Digest, invalid, isDigest } from '@perennial/kernel';
import { makeWorkFolder } from '@perennial/service';
import { type System, systemFromJson } from '@perennial/spec';
import type { Settings } from '../config.js';
import { readDatasetManifest } from '../decide/dataset-manifest.js';
import { modelFileName, type TrainingRequest } from '../decide/exchange.js';
import { modelFeatures } from '../decide/model-features.js';
import { modelManifest } from '../decide/model-manifest.js';
import type { Trained } from '../decide/told.js';
import { datasetOf, type LeasedRun } from '../store.js';
import { trainInProcess } from './training-process.js';

const MiB = 1024 * 1024;

/**
 * One attempt of a run: the files from the store, the training in its process, model and manifest into the store.
 * Content-addressed, so that an attempt which came to nothing has done no harm.
 *
 * @throws PlatformError
 */
export async function attempt(
  run: LeasedRun,
  artifacts: ArtifactStore,
  settings: Settings,
  signal: AbortSignal,
): Promise<{ trained: Trained; notes: readonly string[] }> {
  const startedAt = performance.now();
  const dataset = datasetOf(run);
  const system = systemFromJson(run.spec.spec_json);
  const { metric } = system.gate;
  const { path: folder, remove } = await makeWorkFolder('training');
  try {
    const request = await requestOf(dataset, system, artifacts, settings);
    const result = await trainInProcess(request, {
      folder,
      timeoutMs: settings.trainingTimeoutMs,
      heapMib: settings.trainingHeapMib,
      signal,
    });
    const model = await artifacts.putFile(path.join(folder, modelFileName));
    const manifest = modelManifest({
      dataset,
      specDigest: run.spec.spec_digest,
      task: system.label.task,
      metric,
      model,
      result,
    });
    const { digest: manifestDigest } = await artifacts.put(new TextEncoder().encode(canonicalJson(manifest)));
    const durationSeconds = (performance.now() - startedAt) / 1_000;
    return {
      trained: { runId: run.run_id, dataset, metric, result, model, manifestDigest, durationSeconds },
      notes: result.notes,
    };
  } finally {
    await remove();
  }
}

async function requestOf(
  dataset: DatasetMaterialized,
  { train, label, gate, features }: System,
  artifacts: ArtifactStore,
  settings: Settings,
): Promise<TrainingRequest> {
  if (train.resources.pool !== 'cpu') {
    throw invalid(
      'TRAINING_POOL_UNSUPPORTED',
      `train.resources.pool: ${train.trainer} trains on the cpu; set it to cpu`,
      { field: 'train.resources.pool' },
    );
  }
  const manifestText = new TextDecoder().decode(await artifacts.get(digestIn(dataset, 'manifestDigest')));
  const manifest = readDatasetManifest(manifestText);
  const championDigest = dataset.champion?.digest ?? '';
  return {
    trainingFile: await artifacts.localFile(digestIn(dataset, 'trainingDigest')),
    holdoutFile: await artifacts.localFile(digestIn(dataset, 'holdoutDigest')),
    championFile:
      championDigest === '' ? undefined : await artifacts.localFile(checked('champion', championDigest)),
    ...modelFeatures(features, manifest.features),
    label: manifest.label,
    arrivesWithinMs: label.arrivesWithinMs,
    task: label.task,
    trainer: train.trainer,
    parameters: train.parameters,
    metric: gate.metric,
    slices: gate.slices,
    tablesMemoryBytes: settings.tablesMemoryMib * MiB,
  };
}

function digestIn(
  dataset: DatasetMaterialized,
  field: 'manifestDigest' | 'trainingDigest' | 'holdoutDigest',
): Digest {
  return checked(field, dataset[field]);
}

function checked(field: string, digest: string): Digest {
  if (isDigest(digest)) return digest;
  throw invalid('DATASET_DIGEST_INVALID', `${field}: "${digest}" is no sha256 digest`, { field });
}
