import { handler } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { type Clock, uuidv5 } from '@perennial/kernel';
import { type Db, Store } from '../store.js';

/** A training set lies ready: queues the one run of it, however often it is told. The run itself is a worker's. */
export function datasetMaterialized(tenant: string, clock: Clock) {
  return handler({
    consumer: 'trainer-dataset-materialized',
    event: events.datasetMaterialized,
    pace: 'control',
    handle: async ({ event, tx }) => {
      const dataset = event.body;
      // The manifest's digest stands for the spec's, which is in it. The rollout: each one waits for a run of its own.
      const runId = uuidv5('training-run', dataset.datasetId, dataset.manifestDigest, dataset.rolloutId);
      const { correlationId, id: causationId } = event;
      await new Store(tx as Db, tenant).queue({ runId, dataset, correlationId, causationId }, clock.now());
    },
  });
}
