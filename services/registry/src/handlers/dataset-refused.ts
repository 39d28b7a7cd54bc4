import { handler } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { applyFact, type Decider } from '../apply-fact.js';
import type { Db } from '../store.js';

/** A training set could not be made: the rollout in flight ends. */
export function datasetRefused(decider: Decider) {
  return handler({
    consumer: 'registry-dataset-refused',
    event: events.datasetRefused,
    pace: 'control',
    handle: async ({ event, tx, emit }) => {
      const { body } = event;
      await applyFact(decider, tx as Db, body.system, {
        fact: {
          kind: 'dataset-refused',
          rolloutId: body.rolloutId,
          reason: body.reason,
        },
        cause: { correlationId: event.correlationId, causationId: event.id },
        emit,
      });
    },
  });
}
