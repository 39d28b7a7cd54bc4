import { handler } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { compareSchemas } from '@perennial/spec';
import { kindOf } from '../messages.js';
import { impliedDocument, notesOf, propose } from '../schema/propose.js';
import { proposedRows } from '../schema/schema-store.js';
import { findKnowledge, type Store } from '../store.js';
import type { HandlerMeans } from './segment-recorded.js';

/** Verified rows before a schema is proposed unasked; then each time that they doubled, so that nobody is asked every day. */
const proposedAfterRows = 128;

/** Proposes a schema where the rows of a source imply another one than is in force, or there is something to be said. */
export function segmentVerified(means: HandlerMeans & { readonly db: Store }) {
  const { db, clock } = means;
  return handler({
    consumer: 'validate-segment-verified',
    event: events.segmentVerified,
    pace: 'fast',
    prepare: async ({ body }) => {
      const origin = { tenant: means.tenant, source: body.source, kind: kindOf(body.kind) };
      const known = await findKnowledge(db, origin);
      if (!known || known.profile.rows < proposedAfterRows) return undefined;
      if (known.profile.rows < 2 * (await proposedRows(db, origin))) return undefined;
      const implied = await impliedDocument(means, db, origin, known);
      if (!implied) return undefined;
      const isNews =
        compareSchemas(known.document, implied.document).compatibility !== 'same' ||
        notesOf(implied.document).length > 0;
      return isNews ? { origin, implied } : undefined;
    },
    handle: async ({ prepared, tx, emit }) => {
      if (prepared) await propose(tx as unknown as Store, emit, { clock, ...prepared });
    },
  });
}
