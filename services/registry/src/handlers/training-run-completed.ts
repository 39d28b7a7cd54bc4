import { handler } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { applyFact, type Decider } from '../apply-fact.js';
import type { Db } from '../store.js';

/** One of the two facts that make a model version. */
export function trainingRunCompleted(decider: Decider) {
  return handler({
    consumer: 'registry-training-run-completed',
    event: events.trainingRunCompleted,
    pace: 'control',
    handle: async ({ event, tx, emit }) => {
      const { body } = event;
      await applyFact(decider, tx as Db, body.system, {
        fact: {
          kind: 'run-completed',
          runId: body.runId,
          datasetId: body.datasetId,
          modelBytes: Number(body.modelBytes),
        },
        cause: { correlationId: event.correlationId, causationId: event.id },
        emit,
      });
    },
  });
}
