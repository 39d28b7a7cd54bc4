import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Emitter } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { type Dataset, DatasetStore, type MadeDataset } from '../dataset-store.js';
import { type Lease, Leases } from '../leases.js';
import { Store } from '../store.js';
import type { Systems } from '../systems.js';
import type { Db } from '../tables.js';
import { type MakeMeans, makeDataset } from './make-dataset.js';
import type { Worker } from './work-loop.js';

export interface DatasetMeans extends MakeMeans {
  readonly tenant: string;
  readonly db: Db;
  readonly systems: Systems;
  readonly transact: <T>(
    work: (tx: Db, emitFor: (cause: { correlationId: string; causationId: string }) => Emitter) => Promise<T>,
  ) => Promise<T>;
  /** True once every segment that was told before the rollout was requested has been applied here. */
  readonly hasCaughtUp: (rolloutId: string) => Promise<boolean>;
}

/** Makes the training sets that rollouts ask for, and tells of them. */
export function datasetMaker(means: DatasetMeans): Worker {
  return {
    kind: 'dataset',
    work: (lease) => make(means, lease),
    giveUp: (lease, error) =>
      conclude(means, lease, { refusal: `it could not be made (${error.code}): ${error.message}` }, 0),
  };
}

async function make(means: DatasetMeans, lease: Lease): Promise<'done' | 'wait'> {
  const { db, tenant, systems } = means;
  const store = new Store(db, tenant);
  const wanted = await new DatasetStore(db, tenant).get(lease.id);
  if (!wanted) return 'done';
  const view = await systems.version(store, wanted.system, wanted.system_version);
  // The system's event may come after the rollout's: they are two consumers.
  if (!view || !(await means.hasCaughtUp(lease.id))) return 'wait';
  const segments = await store.segments(view.system.source.name);
  const of = (kind: 'rows' | 'labels') =>
    segments.filter((one) => one.kind === kind).map((one) => one.digest);
  const made = await makeDataset(means, view, { rows: of('rows'), labels: of('labels') });
  const watermarkUs = segments.reduce((newest, { maxUs }) => Math.max(newest, maxUs), 0);
  await conclude(means, lease, made, watermarkUs);
  return 'done';
}

async function conclude(
  { tenant, transact }: DatasetMeans,
  lease: Lease,
  result: MadeDataset | { readonly refusal: string },
  watermarkUs: number,
): Promise<void> {
  await transact(async (tx, emitFor) => {
    // Whoever was too slow leaves it to the one who has the lease now.
    if (!(await new Leases(tx, tenant).holds(lease))) return;
    const datasets = new DatasetStore(tx, tenant);
    const wanted = await datasets.get(lease.id);
    if (!wanted) return;
    const emit = emitFor({ correlationId: wanted.correlation_id, causationId: wanted.causation_id });
    if ('refusal' in result) {
      await datasets.refused(lease.id, result.refusal);
      await emit(events.datasetRefused, wanted.dataset_id, { ...idsOf(wanted), reason: result.refusal });
      return;
    }
    await datasets.made(lease.id, result);
    await emit(events.datasetMaterialized, wanted.dataset_id, {
      ...idsOf(wanted),
      ...result,
      systemVersion: wanted.system_version,
      watermark: timestampFromMs(Math.floor(watermarkUs / 1_000)),
      champion: { version: wanted.champion_version, digest: wanted.champion_digest },
    });
  });
}

function idsOf(wanted: Dataset) {
  return { datasetId: wanted.dataset_id, system: wanted.system, rolloutId: wanted.rollout_id };
}
