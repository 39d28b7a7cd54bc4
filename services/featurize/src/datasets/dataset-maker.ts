import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Emitter } from '@perennial/bus';
import { events } from '@perennial/contracts';
import type { Clock } from '@perennial/kernel';
import type { Worker } from '../effects/work-loop.js';
import { leakMessage } from '../leaks/leak-message.js';
import { LeakStore } from '../leaks/leak-store.js';
import { type Lease, Leases } from '../leases.js';
import { Store } from '../store.js';
import type { Systems } from '../systems.js';
import type { Db } from '../tables.js';
import { type Dataset, DatasetStore } from './dataset-store.js';
import { type MadeOutcome, type MakeMeans, makeDataset } from './make-dataset.js';
import { segmentsOf } from './segments-of.js';

export interface DatasetMeans extends MakeMeans {
  readonly clock: Clock;
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
      conclude(
        means,
        lease,
        { refusal: `it could not be made (${error.code}): ${error.message}`, leaks: [], rows: 0 },
        0,
      ),
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
  const { watermarkUs, ...segments } = await segmentsOf(store, view.system);
  const made = await makeDataset(means, view, segments);
  await conclude(means, lease, made, watermarkUs);
  return 'done';
}

async function conclude(
  { tenant, transact, clock }: DatasetMeans,
  lease: Lease,
  { leaks, rows, ...result }: MadeOutcome,
  watermarkUs: number,
): Promise<void> {
  await transact(async (tx, emitFor) => {
    // Whoever was too slow leaves it to the one who has the lease now.
    if (!(await new Leases(tx, tenant).holds(lease))) return;
    const datasets = new DatasetStore(tx, tenant);
    const wanted = await datasets.get(lease.id);
    if (!wanted) return;
    const emit = emitFor({ correlationId: wanted.correlation_id, causationId: wanted.causation_id });
    const refused = 'refusal' in result;
    if (leaks.length > 0) {
      await new LeakStore(tx, tenant).add({
        dataset_id: wanted.dataset_id,
        system: wanted.system,
        system_version: wanted.system_version,
        answer: refused ? 'refused' : 'warned',
        rows,
        leaks,
        checked_at: new Date(clock.now()),
      });
      await emit(events.leakSuspected, wanted.dataset_id, {
        ...idsOf(wanted),
        systemVersion: wanted.system_version,
        rows: BigInt(rows),
        leaks: leaks.map(leakMessage),
        refused,
      });
    }
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
