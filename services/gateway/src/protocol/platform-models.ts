import type { Gateway } from '../gateway.js';
import { Models } from './models.js';

/** The protocol's models, in the places of this platform that run them. */
export function modelsOf({
  deployments,
  peers,
  replica,
}: Pick<Gateway, 'deployments' | 'peers' | 'replica'>): Models {
  return new Models({
    deployments,
    statistics: async () => [await peers.inference.getReplica({})],
    repository: {
      load: async (name) => {
        const routes = deployments.current(name)?.deployment.routes ?? [];
        await Promise.all(routes.map(({ version, digest }) => replica.load(name, version, digest)));
      },
      unload: async () => {},
    },
  });
}
