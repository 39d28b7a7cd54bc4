import { handler } from '@perennial/bus';
import { events, RolloutPhase } from '@perennial/contracts';
import { type Context, storesOf } from '../context.js';

const ends = new Set([
  RolloutPhase.PROMOTED,
  RolloutPhase.REJECTED,
  RolloutPhase.FAILED,
  RolloutPhase.CANCELLED,
]);

/** While a rollout is in flight its outcome is awaited: no further review. */
export function rolloutRequested(context: Context) {
  return handler({
    consumer: 'monitor-rollout-requested',
    event: events.rolloutRequested,
    pace: 'control',
    handle: async ({ event: { body }, tx }) => {
      const { rolloutId, system, reviewId } = body;
      await storesOf(context, tx).facts.saveRollout({ rolloutId, system, reviewId, ended: false });
    },
  });
}

/** A rollout that ended makes room for the next review. An end that overtakes its beginning stays an end. */
export function rolloutAdvanced(context: Context) {
  return handler({
    consumer: 'monitor-rollout-advanced',
    event: events.rolloutAdvanced,
    pace: 'control',
    handle: async ({ event: { body }, tx }) => {
      const { rolloutId, system, to } = body;
      await storesOf(context, tx).facts.saveRollout({ rolloutId, system, ended: ends.has(to) });
    },
  });
}
