import { handler } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { replaceVerifiedFiles } from '../effects/verified-files.js';
import { kindOf } from '../messages.js';
import type { Store } from '../store.js';

/** The files that rules refer to became one, and the old ones may go. */
export function segmentsCompacted({ tenant }: { readonly tenant: string }) {
  return handler({
    consumer: 'validate-segments-compacted',
    event: events.segmentsCompacted,
    pace: 'fast',
    handle: async ({ event: { body }, tx }) => {
      const origin = { tenant, source: body.source, kind: kindOf(body.kind) };
      await replaceVerifiedFiles(tx as unknown as Store, origin, body);
    },
  });
}
