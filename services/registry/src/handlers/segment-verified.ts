import { handler } from '@perennial/bus';
import { events, SegmentKind } from '@perennial/contracts';
import { applyFact, type Decider, storeOf } from '../apply-fact.js';
import type { Db } from '../store.js';

/** Counts verified rows and labels of each source, and lets systems without a champion consider a first training. */
export function segmentVerified(decider: Decider) {
  return handler({
    consumer: 'registry-segment-verified',
    event: events.segmentVerified,
    pace: 'fast',
    handle: async ({ event, tx, emit }) => {
      const { source, rows, kind } = event.body;
      const isLabels = kind === SegmentKind.LABELS;
      const db = tx as Db;
      const store = storeOf(decider, db);
      const waiting = await store.addVerified(source, isLabels ? 0 : rows, isLabels ? rows : 0);
      for (const system of waiting) {
        const fact = { kind: 'data-verified' as const, ...(await store.verified(source)) };
        const cause = { correlationId: event.correlationId, causationId: event.id };
        await applyFact(decider, db, system, { fact, cause, emit });
      }
    },
  });
}
