import { handler } from '@perennial/bus';
import { events } from '@perennial/contracts';
import type { Decider } from '../apply-fact.js';
import { DeploymentRows } from '../deployment-rows.js';
import type { Db } from '../store.js';

/** Our own word comes back with its place in the stream, by which somebody may ask what was live. */
export function deploymentTold({ tenant }: Decider) {
  return handler({
    consumer: 'registry-deployment-told',
    event: events.deploymentUpdated,
    pace: 'control',
    handle: async ({ event, tx }) => {
      const { id, sequence, time, body } = event;
      await new DeploymentRows(tx as Db, tenant).told(body, { id, sequence, time });
    },
  });
}
