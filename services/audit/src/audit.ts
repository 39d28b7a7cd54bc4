import { artifactSettings, openArtifacts } from '@perennial/artifacts';
import type { ServiceOptions } from '@perennial/service';
import { settings } from './config.js';
import { keepMemory } from './effects/signed-memory.js';
import { openSigner } from './effects/signer.js';
import { recordEvents } from './handlers/events.js';
import { Listings } from './listings.js';
import { neededBodies } from './needed-bodies.js';
import { auditService } from './rpc/audit-service.js';
import { Store } from './store.js';
import { ours } from './tables.js';

/** The service, ready to be run in a process of its own. */
export function audit(artifactEnv: NodeJS.ProcessEnv): ServiceOptions<typeof settings> {
  return {
    name: 'audit',
    settings,
    migrations: new URL('../migrations/', import.meta.url),
    build: async ({ tenant, clock, log, database, settings: set }) => {
      const db = ours(database.db);
      const { keyFile } = set;
      const origin = `${set.logOrigin}/${tenant}`;
      const signer = await openSigner({ db, tenant, origin, keyFile, now: new Date(clock.now()) });
      const artifacts = await openArtifacts(artifactSettings(artifactEnv));
      const store = new Store(db, tenant);
      const listings = new Listings(db, tenant);
      let memory: ReturnType<typeof keepMemory> | undefined;
      return {
        handlers: recordEvents({ tenant, clock, signer, artifacts }),
        services: [auditService({ tenant, db, store, listings, artifacts, signer, keyFile })],
        start: () => {
          if (keyFile !== '') memory = keepMemory(store, keyFile, log);
        },
        stop: () => memory?.stop(),
        artifactColumns: { mentioned: ['entry.content', 'mention.thing'] },
        // Whole as they are; what they name, they mention as the other entries do.
        neededArtifacts: async () => ({ alone: await neededBodies(db) }),
      };
    },
  };
}
