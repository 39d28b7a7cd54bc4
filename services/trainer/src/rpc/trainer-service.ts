import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { TrainerService } from '@perennial/contracts';
import { rpc } from '@perennial/service';
import { datasetOf, type RunRow, type Store } from '../store.js';

export function trainerService(store: Store) {
  return rpc(TrainerService, {
    listRuns: async ({ system }) => ({ runs: (await store.list(system)).map(shown) }),
  });
}

function shown(run: RunRow) {
  return {
    runId: run.run_id,
    system: run.system,
    rolloutId: run.rollout_id,
    datasetId: run.dataset_id,
    trainer: run.trainer,
    status: run.status,
    reason: run.reason,
    modelDigest: run.model_digest,
    attempt: run.attempt,
    trainingRows: datasetOf(run).trainingRows,
    durationSeconds: run.duration_seconds,
    peakMemoryBytes: run.peak_memory_bytes,
    queuedAt: timestampFromDate(run.queued_at),
    ...(run.ended_at && { endedAt: timestampFromDate(run.ended_at) }),
  };
}
