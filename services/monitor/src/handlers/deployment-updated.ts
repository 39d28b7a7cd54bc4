import { handler } from '@perennial/bus';
import { events, type Route, RouteRole } from '@perennial/contracts';
import { type Context, storesOf } from '../context.js';
import { watchChampion } from '../watch-champion.js';

/** Who is champion in which epoch: a reign begins, and its rows are watched. */
export function deploymentUpdated(context: Context) {
  return handler({
    consumer: 'monitor-deployment-updated',
    event: events.deploymentUpdated,
    pace: 'control',
    handle: async ({ event: { body }, tx, emit }) => {
      const champion = body.routes.find(({ role }) => role === RouteRole.CHAMPION);
      // A model that was brought by itself has no system, and no labels that could say how good it is.
      if (!champion || body.specJson === '') return;
      const stores = storesOf(context, tx);
      // It carries the whole system.yaml, and may overtake the event that applied it.
      const applied = await stores.facts.saveSystem(body.systemVersion, body.specJson);
      await stores.facts.lockSource(applied.source.name);
      await stores.trials.deployed(body.system, Number(body.epoch), sharingVersions(body.routes));
      await stores.facts.saveChampionEpoch(body.system, Number(body.epoch), champion.version);
      const system = await stores.facts.systemOrLater(body.system);
      await watchChampion({ context, stores, emit }, system);
    },
  });
}

/** Versions that requests are drawn for by declared shares. */
function sharingVersions(routes: readonly Route[]): number[] {
  if (!routes.some(({ role }) => role === RouteRole.VARIANT)) return [];
  const sharing = routes.filter(({ role, weight }) => role !== RouteRole.SHADOW && weight > 0);
  return sharing.map(({ version }) => version);
}
