import { artifactSettings, openArtifacts } from '@perennial/artifacts';
import type { ServiceOptions } from '@perennial/service';
import { settings } from './config.js';
import type { Context } from './context.js';
import { TruthFiles } from './effects/truth-files.js';
import { erasePredictions } from './erase-predictions.js';
import { deploymentUpdated } from './handlers/deployment-updated.js';
import { modelPromoted } from './handlers/model-promoted.js';
import { predictions } from './handlers/predictions.js';
import { segmentDiscarded, segmentQuarantined, segmentRepaired } from './handlers/quarantine.js';
import { rolloutAdvanced, rolloutRequested } from './handlers/rollouts.js';
import { segmentVerified } from './handlers/segment-verified.js';
import { systemApplied } from './handlers/system-applied.js';
import { monitorService } from './rpc/monitor-service.js';
import type { Db } from './tables.js';

/** The service as it is started, here or in a test. `env` is where the artifact store is named. */
export function monitor(env: NodeJS.ProcessEnv = process.env): ServiceOptions<typeof settings> {
  return {
    name: 'monitor',
    settings,
    migrations: new URL('../migrations/', import.meta.url),
    build: async (frame) => {
      const artifacts = await openArtifacts(artifactSettings(env));
      const truth = new TruthFiles(artifacts, frame.settings.tablesMemoryBytes);
      const context: Context = { tenant: frame.tenant, clock: frame.clock, artifacts, truth };
      return {
        handlers: [
          systemApplied(context),
          deploymentUpdated(context),
          modelPromoted(context),
          rolloutRequested(context),
          rolloutAdvanced(context),
          segmentQuarantined(context),
          segmentRepaired(context),
          segmentDiscarded(context),
          segmentVerified(context),
          predictions(context),
        ],
        services: [monitorService(context, frame.database.db as Db)],
        erase: (request) => erasePredictions(frame.database.db as Db, frame.tenant, request),
        putArtifact: (bytes) => artifacts.put(bytes),
        getArtifact: (digest) => artifacts.get(digest as Parameters<typeof artifacts.get>[0]),
        // Everything it does is on the bus or in one transaction with it: there is no other work to report.
        stop: () => truth.close(),
      };
    },
  };
}
