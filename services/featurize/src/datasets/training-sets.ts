import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ExportTrainingSetRequest } from '@perennial/contracts';
import { type Digest, invalid, notFound, PlatformError } from '@perennial/kernel';
import type { Leak } from '../leaks/decide/leak.js';
import { leakMessage } from '../leaks/leak-message.js';
import { LeakStore } from '../leaks/leak-store.js';
import { Store } from '../store.js';
import type { Systems } from '../systems.js';
import type { Db } from '../tables.js';
import { type Dataset, DatasetStore } from './dataset-store.js';
import { type MakeMeans, makeDataset, storeTogether } from './make-dataset.js';

export interface TrainingSetMeans extends MakeMeans {
  readonly tenant: string;
  readonly db: Db;
  readonly systems: Systems;
}

/** What a manifest says of what a training set was made of; `segments` are those of the rows, in their order. */
interface Manifest {
  readonly systemVersion: number;
  readonly segments: readonly string[];
  readonly labels: readonly string[];
  readonly lookups?: Readonly<Record<string, readonly string[]>>;
}

export async function listTrainingSets(
  { db, tenant }: TrainingSetMeans,
  asked: { system: string; all: boolean },
) {
  const datasets = await new DatasetStore(db, tenant).list(asked);
  const leaks = await new LeakStore(db, tenant).of(datasets.map(({ dataset_id }) => dataset_id));
  return { datasets: datasets.map((row) => summaryOf(row, leaks.get(row.dataset_id) ?? [])) };
}

/** @throws PlatformError TRAINING_SET_NOT_FOUND */
export async function getTrainingSet(means: TrainingSetMeans, datasetId: string) {
  const row = await found(means, datasetId);
  const leaks = (await new LeakStore(means.db, means.tenant).of([datasetId])).get(datasetId) ?? [];
  return {
    dataset: summaryOf(row, leaks),
    manifestJson: row.manifest_digest === '' ? '' : await manifestText(means, row),
    leaks: leaks.map(leakMessage),
  };
}

/**
 * The artifact with a part of a training set.
 *
 * @throws PlatformError TRAINING_SET_NOT_FOUND, TRAINING_SET_NOT_MADE, PART_UNKNOWN
 */
export async function exportTrainingSet(
  means: TrainingSetMeans,
  { datasetId, part }: ExportTrainingSetRequest,
) {
  const row = await made(means, datasetId);
  switch (part) {
    case 'training':
      return { digest: row.training_digest, rows: row.training_rows };
    case 'holdout':
      return { digest: row.holdout_digest, rows: row.holdout_rows };
    case '':
    case 'all':
      return storeTogether(means, [row.training_digest, row.holdout_digest]);
  }
  throw invalid('PART_UNKNOWN', `part: "${part}" must be training, holdout or all`, { field: 'part' });
}

/**
 * Makes a training set again out of its manifest and compares the digests of everything that comes out.
 *
 * @throws PlatformError TRAINING_SET_NOT_FOUND, TRAINING_SET_NOT_MADE; ARTIFACT_NOT_FOUND where segments are gone
 */
export async function reproduceTrainingSet(means: TrainingSetMeans, datasetId: string) {
  const row = await made(means, datasetId);
  const manifest = JSON.parse(await manifestText(means, row)) as Manifest;
  const store = new Store(means.db, means.tenant);
  const view = await means.systems.version(store, row.system, manifest.systemVersion);
  if (!view)
    return { isSame: false, reason: `version ${manifest.systemVersion} of ${row.system} is not known` };
  const again = await makeDataset(means, view, {
    rows: manifest.segments,
    labels: manifest.labels,
    ...(manifest.lookups && { lookups: manifest.lookups }),
  });
  if ('refusal' in again) return { isSame: false, reason: again.refusal };
  const { trainingDigest, holdoutDigest, manifestDigest } = again;
  const differing = [
    ...(trainingDigest === row.training_digest ? [] : ['training rows']),
    ...(holdoutDigest === row.holdout_digest ? [] : ['hold-out']),
    ...(manifestDigest === row.manifest_digest ? [] : ['manifest']),
  ];
  const reason = differing.length === 0 ? '' : `other bytes came out for: ${differing.join(', ')}`;
  return { isSame: differing.length === 0, trainingDigest, holdoutDigest, manifestDigest, reason };
}

async function found({ db, tenant }: TrainingSetMeans, datasetId: string): Promise<Dataset> {
  const row = await new DatasetStore(db, tenant).byId(datasetId);
  if (row) return row;
  throw notFound(
    'TRAINING_SET_NOT_FOUND',
    `dataset_id: there is no training set "${datasetId}"; list them to see their ids`,
    { field: 'dataset_id' },
  );
}

async function made(means: TrainingSetMeans, datasetId: string): Promise<Dataset> {
  const row = await found(means, datasetId);
  if (row.status === 'made') return row;
  const why = row.status === 'refused' ? `it was refused: ${row.reason}` : 'it is not made yet';
  throw new PlatformError('TRAINING_SET_NOT_MADE', 'caller', 'never', `${datasetId}: ${why}`, {
    field: 'dataset_id',
  });
}

async function manifestText({ artifacts }: TrainingSetMeans, row: Dataset): Promise<string> {
  return new TextDecoder().decode(await artifacts.get(row.manifest_digest as Digest));
}

function summaryOf(row: Dataset, leaks: readonly Leak[]) {
  return {
    datasetId: row.dataset_id,
    system: row.system,
    rolloutId: row.rollout_id,
    trainingDigest: row.training_digest,
    trainingRows: row.training_rows,
    holdoutDigest: row.holdout_digest,
    holdoutRows: row.holdout_rows,
    manifestDigest: row.manifest_digest,
    systemVersion: row.system_version,
    status: row.status,
    reason: row.reason,
    requestedAt: timestampFromDate(row.requested_at),
    leaks: new Set(leaks.flatMap(({ features }) => features)).size,
  };
}
