import { handler } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { type Context, storesOf } from '../context.js';

/** What to watch, and how closely. */
export function systemApplied(context: Context) {
  return handler({
    consumer: 'monitor-system-applied',
    event: events.systemApplied,
    pace: 'control',
    handle: async ({ event: { body }, tx }) => {
      await storesOf(context, tx).facts.saveSystem(body.version, body.specJson);
    },
  });
}
