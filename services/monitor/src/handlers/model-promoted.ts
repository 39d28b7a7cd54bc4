import { handler } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { type Context, storesOf } from '../context.js';
import { profileOf } from '../effects/manifests.js';
import { watchChampion } from '../watch-champion.js';

/** What the champion is compared with from here on. */
export function modelPromoted(context: Context) {
  return handler({
    consumer: 'monitor-model-promoted',
    event: events.modelPromoted,
    pace: 'control',
    prepare: async ({ body: { alias, manifestDigest } }) => {
      // A model that was brought by itself has no manifest: nothing says what its rows should look like.
      if (alias !== 'champion' || manifestDigest === '') return undefined;
      return profileOf(context.artifacts, manifestDigest);
    },
    handle: async ({ event: { body }, prepared: profile, tx, emit }) => {
      if (!profile) return;
      const stores = storesOf(context, tx);
      await stores.facts.savePromoted(body.system, body.version, body.evaluationValue, profile);
      const system = await stores.facts.system(body.system);
      if (!system) return;
      await stores.facts.lockSource(system.source.name);
      await watchChampion({ context, stores, emit }, system);
    },
  });
}
