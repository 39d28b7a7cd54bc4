import { handler } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { systemFromJson } from '@perennial/spec';
import { lockSource, type Store, saveSource } from '../store.js';

/** A system says how the rows of its source are read; messages that waited for that are looked for afterwards. */
export function systemApplied(tenant: string, lookForWaiting: () => void) {
  return handler({
    consumer: 'ingest-system-applied',
    event: events.systemApplied,
    pace: 'control',
    handle: async ({ event, tx }) => {
      const db = tx as unknown as Store;
      const system = systemFromJson(event.body.specJson);
      const { name: source, time: timeColumn, key: keyColumns } = system.source;
      await lockSource(db, tenant, source);
      await saveSource(db, tenant, { source, timeColumn, keyColumns, system: system.name });
      lookForWaiting();
    },
  });
}
