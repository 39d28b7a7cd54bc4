import { handler } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { systemFromJson } from '@perennial/spec';
import { type Db, Store } from '../store.js';

/** Keeps every version of every system.yaml: a run is made by the one its dataset was made by. */
export function systemApplied(tenant: string) {
  return handler({
    consumer: 'trainer-system-applied',
    event: events.systemApplied,
    pace: 'control',
    handle: async ({ event: { body }, tx }) => {
      await new Store(tx as Db, tenant).keepSpec({
        system: body.system,
        version: body.version,
        spec_digest: body.specDigest,
        spec_json: body.specJson,
        trainer: systemFromJson(body.specJson).train.trainer,
      });
    },
  });
}
