import { batchHandler } from '@perennial/bus';
import { predictionFilter } from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import { applyFact, type Decider } from '../apply-fact.js';
import { Listings } from '../listings.js';
import { sortPredictions } from '../predictions.js';
import type { Db } from '../store.js';

/** Under load the predictions of this long share a transaction; a lone one is taken in at once. */
const sharedMs = 100;
/** The same while no rollout waits for any: then a transaction only moves the position, and costs what others do. */
const passedByMs = 500;

/** Counts predictions for the rollouts that wait for them; the others are passed by unread. */
export function predictions(decider: Decider) {
  let everyMs = sharedMs;
  return batchHandler({
    consumer: 'registry-predictions',
    stream: 'PREDICTION',
    filter: predictionFilter,
    everyMs: () => everyMs,
    handle: async ({ messages, tx, emitFor, park }) => {
      const db = tx as Db;
      const listings = new Listings(db, decider.tenant);
      const watched = await listings.rolloutsWatched();
      everyMs = watched.length > 0 ? sharedMs : passedByMs;
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
