import { handler } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { systemFromJson } from '@perennial/spec';
import { readSystem } from '../sources/declare.js';
import type { Store } from '../store.js';

/** A system says how the rows of its source are read; messages that waited for that are looked for afterwards. */
export function systemApplied(tenant: string, lookForWaiting: () => void) {
  return handler({
    consumer: 'ingest-system-applied',
    event: events.systemApplied,
    pace: 'control',
    handle: async ({ event, tx }) => {
      const db = tx as unknown as Store;
      await readSystem(db, tenant, systemFromJson(event.body.specJson));
      lookForWaiting();
    },
  });
}
