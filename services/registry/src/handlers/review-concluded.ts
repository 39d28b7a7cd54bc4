import { handler } from '@perennial/bus';
import { events, ReviewVerdict } from '@perennial/contracts';
import { applyFact, type Decider } from '../apply-fact.js';
import type { Db } from '../store.js';

/** A review may lift the hold after a rollback, and starts a rollout where the world changed. */
export function reviewConcluded(decider: Decider) {
  return handler({
    consumer: 'registry-review-concluded',
    event: events.reviewConcluded,
    pace: 'control',
    handle: async ({ event, tx, emit }) => {
      const { body } = event;
      await applyFact(decider, tx as Db, body.system, {
        fact: {
          kind: 'review-concluded',
          reviewId: body.reviewId,
          isWorldChanged: body.verdict === ReviewVerdict.WORLD_CHANGED,
          concludedAt: event.time.getTime(),
        },
        cause: { correlationId: event.correlationId, causationId: event.id },
        emit,
      });
    },
  });
}
