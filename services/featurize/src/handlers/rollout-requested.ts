import { handler } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { type Clock, uuidv5 } from '@perennial/kernel';
import { DatasetStore } from '../datasets/dataset-store.js';
import type { Db } from '../tables.js';

/** Writes down that a training set is wanted; it is made outside of the message. */
export function rolloutRequested({
  tenant,
  clock,
  wake,
}: {
  tenant: string;
  clock: Clock;
  wake: () => void;
}) {
  return handler({
    consumer: 'featurize-rollout-requested',
    event: events.rolloutRequested,
    pace: 'control',
    handle: async ({ event, tx }) => {
      const { rolloutId, system, systemVersion, champion } = event.body;
      await new DatasetStore(tx as unknown as Db, tenant).want(
        {
          rolloutId,
          datasetId: uuidv5('dataset', tenant, rolloutId),
          system,
          systemVersion,
          champion: { version: champion?.version ?? 0, digest: champion?.digest ?? '' },
          correlationId: event.correlationId,
          causationId: event.id,
        },
        new Date(clock.now()),
      );
      wake();
    },
  });
}
