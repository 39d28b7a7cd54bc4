import { timestampMs } from '@bufbuild/protobuf/wkt';
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
      const { source, rows, kind, eventTimeMax } = event.body;
      const isLabels = kind === SegmentKind.LABELS;
      const db = tx as Db;
      const store = storeOf(decider, db);
      const until = eventTimeMax && !isLabels ? timestampMs(eventTimeMax) : 0;
      const counts = isLabels ? { rows: 0, labels: rows, until } : { rows, labels: 0, until };
      const waiting = await store.addVerified(source, counts);
      for (const system of waiting) {
        const fact = { kind: 'data-verified' as const, ...(await store.verified(source)) };
        const cause = { correlationId: event.correlationId, causationId: event.id };
        await applyFact(decider, db, system, { fact, cause, emit });
      }
    },
  });
}
