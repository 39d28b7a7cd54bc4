import { batchHandler } from '@perennial/bus';
import { predictionFilter } from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import { applyFact, type Decider } from '../apply-fact.js';
import { Listings } from '../listings.js';
import { sortPredictions } from '../predictions.js';
import type { Db } from '../store.js';

/** Under load the predictions of this long share a transaction; a lone one is taken in at once. */
const everyMs = 100;

/** Counts predictions for the rollouts that wait for them; the others are passed by unread. */
export function predictions(decider: Decider) {
  return batchHandler({
    consumer: 'registry-predictions',
    stream: 'PREDICTION',
    filter: predictionFilter,
    everyMs,
    handle: async ({ messages, tx, emitFor, park }) => {
      const db = tx as Db;
      const listings = new Listings(db, decider.tenant);
      const watched = await listings.rolloutsWatched();
      if (watched.length === 0) return;
      const systems = watched.map(({ system }) => system);
      const { bySystem, malformed } = sortPredictions(decider.tenant, systems, messages);
      for (const message of malformed) {
        await park(message, invalid('PREDICTION_MALFORMED', 'the message is no prediction; see its sender'));
      }
      for (const { system, rolloutId } of watched) {
        const told = bySystem.get(system);
        if (!told) continue;
        const cause = await listings.causeOf(rolloutId);
        const fact = { kind: 'predictions' as const, predictions: told };
        await applyFact(decider, db, system, { fact, cause, emit: emitFor(cause) });
      }
    },
  });
}
