import { handler } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { applyFact, type Decider } from '../apply-fact.js';
import type { Db } from '../store.js';

/** A run came to nothing, after the trainer's own retries: the rollout in flight ends. */
export function trainingRunFailed(decider: Decider) {
  return handler({
    consumer: 'registry-training-run-failed',
    event: events.trainingRunFailed,
    pace: 'control',
    handle: async ({ event, tx, emit }) => {
      const { body } = event;
      await applyFact(decider, tx as Db, body.system, {
        fact: {
          kind: 'run-failed',
          rolloutId: body.rolloutId,
          reason: body.reason,
        },
        cause: { correlationId: event.correlationId, causationId: event.id },
        emit,
      });
    },
  });
}
