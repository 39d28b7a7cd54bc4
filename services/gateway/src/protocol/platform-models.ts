import type { Gateway } from '../gateway.js';
import { Models } from './models.js';

/** The protocol's models, in the places of this platform that run them. */
export function modelsOf({ deployments, fleet }: Pick<Gateway, 'deployments' | 'fleet'>): Models {
  return new Models({
    deployments,
    statistics: async () => [{ models: await fleet.statistics() }],
    repository: {
      load: async (name) => {
        const deployment = deployments.current(name)?.deployment;
        const { routes = [], pool = '', serve } = deployment ?? {};
        await Promise.all(routes.map((route) => fleet.load(name, route, pool, serve)));
      },
      unload: async () => {},
    },
  });
}
