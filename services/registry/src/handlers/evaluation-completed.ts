import { handler } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { applyFact, type Decider } from '../apply-fact.js';
import type { Manifests } from '../effects/manifests.js';
import type { Db } from '../store.js';

/** The other of the two facts that make a model version; then the gate decides. */
export function evaluationCompleted(decider: Decider, manifests: Manifests) {
  return handler({
    consumer: 'registry-evaluation-completed',
    event: events.evaluationCompleted,
    pace: 'control',
    prepare: ({ body }) => manifests.inputsOf(body.manifestDigest),
    handle: async ({ event, prepared: inputs, tx, emit }) => {
      await applyFact(decider, tx as Db, event.body.system, {
        fact: { kind: 'evaluated', evaluation: event.body, inputs },
        cause: { correlationId: event.correlationId, causationId: event.id },
        emit,
      });
    },
  });
}
