import { unavailable } from '@perennial/kernel';
import type { Gateway } from '../gateway.js';
import { gatewayLimits } from '../limits.js';
import { Models } from './models.js';

type Places = Pick<Gateway, 'deployments' | 'fleet' | 'peers'>;

/** The protocol's models, in the places of this platform that run them. */
export function modelsOf(gateway: Places): Models {
  const { deployments, fleet } = gateway;
  return new Models({
    deployments,
    isLoaded: ({ graph, digest }) => graph !== undefined || fleet.isReady(digest),
    statistics: async () => [{ models: await fleet.statistics() }],
    repository: {
      load: async (name, requestedBy) => {
        const deployment = deployments.current(name)?.deployment;
        if (deployment?.unloaded) return setAvailability(gateway, name, true, requestedBy);
        const { routes = [], pool = '', serve } = deployment ?? {};
        const files = routes.filter(({ graph }) => !graph);
        await Promise.all(files.map((route) => fleet.load(name, route, pool, serve)));
      },
      unload: (name, requestedBy) => setAvailability(gateway, name, false, requestedBy),
    },
  });
}

/**
 * Has the registry say whether a deployment answers, for all gateways and across restarts; returns when this gateway
 * does as it says.
 */
async function setAvailability(
  { deployments, peers }: Places,
  name: string,
  available: boolean,
  requestedBy: string,
): Promise<void> {
  const { epoch } = await peers.registry.setAvailability({ name, available, requestedBy });
  if (await deployments.serves(name, epoch, gatewayLimits.loadTimeoutMs)) return;
  throw unavailable(
    'SYSTEM_NOT_SERVING',
    `failed to load '${name}': it is to be served and cannot be loaded yet; ask again, or look at the log of inference`,
  );
}
