import { tmpdir } from 'node:os';
import path from 'node:path';
import { artifactSettings, openArtifacts } from '@perennial/artifacts';
import { modelVerifier, Runtime } from '@perennial/runtime';
import { fleetLimits } from '../fleet/limits.js';
import type { GatewayFrame } from '../gateway.js';
import { CrashGuard } from './crash-guard.js';
import { Edge } from './edge.js';
import { EdgePlaces } from './edge-places.js';

const MiB = 1024 * 1024;

/** The models of this process, or undefined where none may run here. `env` is where the artifact store is named. */
export function openPlaces(
  { log, settings }: GatewayFrame,
  env: NodeJS.ProcessEnv = process.env,
): EdgePlaces | undefined {
  const { edgeMemoryBudgetMiB, edgeMarkFile, httpListen, modelKeysFile } = settings;
  if (edgeMemoryBudgetMiB === 0 || !env['ARTIFACTS_URL']) return undefined;
  const verify = modelVerifier(modelKeysFile);
  const port = httpListen.slice(httpListen.lastIndexOf(':') + 1);
  const guard = new CrashGuard(
    edgeMarkFile ?? path.join(tmpdir(), `perennial-gateway-${port}.edge.json`),
    performance.now(),
  );
  if (guard.crashes > 0)
    log.warn('the last gateway ended uncleanly; models run in their pools for a while', {
      times: guard.crashes,
    });
  const edge = new Edge({
    drainMsMax: fleetLimits.drainMsMax,
    open: async () => {
      const artifacts = await openArtifacts(artifactSettings(env));
      return new Runtime({
        executors: 'inline',
        threads: 1,
        memoryBudgetBytes: edgeMemoryBudgetMiB * MiB,
        fetch: (digest) => artifacts.get(digest),
        verify,
      });
    },
  });
  return new EdgePlaces({
    edge,
    guard,
    onMoved: ({ name, route }, place, why) =>
      log.info('a model moved', { model: name, version: route.version, to: place, why }),
    onRefused: ({ name, route }, error) =>
      log.warn('a model cannot run in the gateway; its pool goes on', {
        model: name,
        version: route.version,
        error,
      }),
  });
}
