import { type ArtifactStore, artifactSettings, openArtifacts } from '@perennial/artifacts';
import { decodeEvent, follow } from '@perennial/bus';
import { type DeploymentUpdated, eventFilter, events } from '@perennial/contracts';
import { FolderProofs, MemoryProofs, modelVerifier, Prover } from '@perennial/runtime';
import type { Frame, Parts } from '@perennial/service';
import { announce, defaultReplicaId, reachableAddress } from './announce.js';
import type { settings } from './config.js';
import { DeployedModels } from './deployed-models.js';
import { openModelCache } from './model-cache.js';
import { Models } from './models.js';
import { inferenceService } from './rpc/inference-service.js';
import { runtimeGauges } from './runtime-gauges.js';
import { deviceOptions, executorsOf, type Replica, standingOf } from './standing.js';
import { tritonMetrics } from './triton-metrics.js';

const MiB = 1024 * 1024;

/** Puts the service together; `env` is where the artifact store is named. */
export async function build(
  frame: Frame<typeof settings>,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Parts> {
  const { settings: set, log, bus, stopping, tenant } = frame;
  const artifacts = await openArtifacts(artifactSettings(env));
  const { models, prover, devices } = await openModels(frame, artifacts);
  const deployed = new DeployedModels({ models, log, stopping, pool: set.pool });
  let isCaughtUp = false;
  let replica: Replica = { replicaId: set.replicaId ?? '', pool: set.pool, devices };
  let announcing: { stop(): void } | undefined;
  return {
    services: [
      inferenceService({
        models,
        artifacts,
        log,
        stopping,
        testRuns: set.testRuns,
        // Known when it listens.
        get replica() {
          return replica;
        },
      }),
    ],
    progress: () => ({ work: [{ kind: 'model-loads', count: models.loading }] }),
    ready: () => isCaughtUp,
    start: () => {
      const address = set.advertise ?? reachableAddress(frame.grpcAddress);
      replica = { ...replica, replicaId: set.replicaId ?? defaultReplicaId(address) };
      announcing = announce({
        bus,
        log,
        tenant,
        pool: set.pool,
        replicaId: replica.replicaId,
        address,
        stopping,
        standing: () => ({
          ...standingOf(models),
          devices,
          models: models.runtime.models().map(({ digest }) => digest),
        }),
      });
      followDeployments(frame, deployed, () => {
        isCaughtUp = true;
      });
    },
    stop: async () => {
      announcing?.stop();
      prover.close();
      await models.runtime.close();
    },
  };
}

/** The models of this process: who fetches, proves and verifies them, and what is measured of them. */
async function openModels(frame: Frame<typeof settings>, artifacts: ArtifactStore) {
  const { settings: set, log, meter } = frame;
  const { devices, ...device } = deviceOptions(set);
  const memoryBudgetBytes = set.memoryBudgetMiB * MiB;
  const prover = new Prover({
    proofs: set.cacheDir ? new FolderProofs(set.cacheDir) : new MemoryProofs(),
    memoryBytesMax: memoryBudgetBytes,
    threads: set.threads,
  });
  const models = new Models({
    ...device,
    executors: executorsOf(set.executors),
    isolation: set.isolation,
    threads: set.threads,
    memoryBudgetBytes,
    fetch: set.cacheDir
      ? await openModelCache({ artifacts, log, dir: set.cacheDir, cacheMiB: set.cacheMiB })
      : (digest) => artifacts.get(digest),
    prove: (digest, bytes) => prover.prove(digest, bytes),
    verify: modelVerifier(set.modelKeysFile),
    onExecutorExit: (reason) => log.error('a model executor ended; another one takes its place', { reason }),
  });
  runtimeGauges(meter, models.runtime);
  tritonMetrics(meter, models);
  return { models, prover, devices };
}

/** Hears what is served: first the last word about each deployment, then every change. */
function followDeployments(
  { bus, log, stopping, tenant }: Frame<typeof settings>,
  deployed: DeployedModels,
  onCaughtUp: () => void,
): void {
  follow(bus, {
    stream: events.deploymentUpdated.stream,
    filter: eventFilter(events.deploymentUpdated),
    from: 'last-per-subject',
    signal: stopping,
    onMessage: (message) => {
      const received = decodeEvent(message);
      if (received?.tenant === tenant) deployed.updated(received.body as DeploymentUpdated);
    },
    onCaughtUp: () => {
      deployed.isCatchingUp = false;
      onCaughtUp();
    },
    onError: (error) => log.warn('following the deployments was interrupted', { error }),
  });
}
