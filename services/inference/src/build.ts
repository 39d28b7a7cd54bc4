import { artifactSettings, openArtifacts } from '@perennial/artifacts';
import { decodeEvent, follow } from '@perennial/bus';
import { type DeploymentUpdated, eventFilter, events } from '@perennial/contracts';
import { modelVerifier } from '@perennial/runtime';
import type { Frame, Parts } from '@perennial/service';
import { announce, defaultReplicaId, reachableAddress } from './announce.js';
import type { settings } from './config.js';
import { DeployedModels } from './deployed-models.js';
import { Models } from './models.js';
import { inferenceService } from './rpc/inference-service.js';
import { runtimeGauges } from './runtime-gauges.js';
import { tritonMetrics } from './triton-metrics.js';

const MiB = 1024 * 1024;

/** Puts the service together; `env` is where the artifact store is named. */
export async function build(
  frame: Frame<typeof settings>,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Parts> {
  const { settings: set, log, bus, meter, stopping, tenant } = frame;
  const artifacts = await openArtifacts(artifactSettings(env));
  const models = new Models({
    artifacts,
    executors: set.executors,
    threads: set.threads,
    memoryBudgetBytes: set.memoryBudgetMiB * MiB,
    verify: modelVerifier(set.modelKeysFile),
    onExecutorExit: (reason) => log.error('a model executor ended; another one takes its place', { reason }),
  });
  runtimeGauges(meter, models.runtime);
  tritonMetrics(meter, models);
  const deployed = new DeployedModels({ models, log, stopping });
  let isCaughtUp = false;
  let announcing: { stop(): void } | undefined;
  return {
    services: [inferenceService({ models, artifacts, log, pool: set.pool, testRuns: set.testRuns })],
    progress: () => ({ work: [{ kind: 'model-loads', count: models.loading }] }),
    ready: () => isCaughtUp,
    start: () => {
      const address = set.advertise ?? reachableAddress(frame.grpcAddress);
      announcing = announce({
        bus,
        log,
        tenant,
        pool: set.pool,
        replicaId: set.replicaId ?? defaultReplicaId(address),
        address,
        stopping,
        standing: () => ({
          inFlight: models.runtime.inFlight,
          models: models.runtime.models().map(({ digest }) => digest),
        }),
      });
      follow(bus, {
        stream: events.deploymentUpdated.stream,
        filter: eventFilter(events.deploymentUpdated),
        from: 'last-per-subject',
        signal: stopping,
        onMessage: (message) => {
          const body = decodeEvent(message)?.body;
          if (body) deployed.updated(body as DeploymentUpdated);
        },
        onCaughtUp: () => {
          isCaughtUp = true;
        },
        onError: (error) => log.warn('following the deployments was interrupted', { error }),
      });
    },
    stop: async () => {
      announcing?.stop();
      await models.runtime.close();
    },
  };
}
