import { artifactSettings, openArtifacts } from '@perennial/artifacts';
import type { Digest } from '@perennial/kernel';
import { runService } from '@perennial/service';
import { settings } from './config.js';
import { attempt } from './effects/attempt.js';
import { startWorker } from './effects/worker.js';
import { datasetMaterialized } from './handlers/dataset-materialized.js';
import { systemApplied } from './handlers/system-applied.js';
import { trainerService } from './rpc/trainer-service.js';
import { Runs } from './runs.js';
import { type Db, Store } from './store.js';

await runService({
  name: 'trainer',
  settings,
  migrations: new URL('../migrations/', import.meta.url),
  build: async ({ tenant, clock, log, database, settings: set, transact }) => {
    const db = database.db as Db;
    const store = new Store(db, tenant);
    const artifacts = await openArtifacts(artifactSettings());
    const runs = new Runs({
      db,
      tenant,
      clock,
      leaseMs: set.leaseMs,
      transact: (work) => transact((tx, emitFor) => work(tx as Db, emitFor)),
    });
    let worker: ReturnType<typeof startWorker> | undefined;
    return {
      handlers: [systemApplied(tenant), datasetMaterialized(tenant, clock)],
      services: [trainerService(store)],
      progress: async () => ({ work: [{ kind: 'training runs', count: await store.inWork() }] }),
      start: () => {
        worker = startWorker(
          {
            log,
            lease: () => runs.lease(),
            renew: (run) => runs.renew(run),
            train: async (run, signal) => {
              log.info('training', { runId: run.run_id, system: run.system, attempt: run.attempt });
              const { trained, notes } = await attempt(run, artifacts, set, signal);
              for (const note of notes) log.warn(note, { runId: run.run_id, system: run.system });
              return trained;
            },
            complete: async (run, trained) => {
              const isOurs = await runs.complete(run, trained);
              const { durationSeconds, model, result } = trained;
              log.info(isOurs ? 'trained' : 'trained in vain: another service took the run', {
                runId: run.run_id,
                system: run.system,
                model: model.digest,
                rows: result.trainingRows,
                durationSeconds,
                peakMemoryBytes: result.peakMemoryBytes,
              });
            },
            failed: async (run, error) => {
              const { code, message, internal } = error;
              log.warn('a training attempt failed', { runId: run.run_id, code, message, internal });
              await runs.failed(run, error);
            },
            giveBack: (run) => runs.giveBack(run),
          },
          { pollMs: set.pollMs, leaseMs: set.leaseMs },
        );
      },
      stop: async () => worker?.stop(),
      putArtifact: (bytes) => artifacts.put(bytes),
      getArtifact: (digest) => artifacts.get(digest as Digest),
    };
  },
});
