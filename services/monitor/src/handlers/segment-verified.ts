import { timestampMs } from '@bufbuild/protobuf/wkt';
import { handler } from '@perennial/bus';
import { events, SegmentKind } from '@perennial/contracts';
import { type Context, storesOf } from '../context.js';
import { rankOf } from '../decide/rank.js';
import { joinSegment, truthKindOf } from '../join-labels.js';
import type { TruthSegment } from '../store/rows.js';
import { tellRewards } from '../tell-rewards.js';
import { watchChampion } from '../watch-champion.js';

/** Labels, or rows that labels are computed from: they meet the predictions, and the champion is looked at. */
export function segmentVerified(context: Context) {
  return handler({
    consumer: 'monitor-segment-verified',
    event: events.segmentVerified,
    pace: 'fast',
    handle: async ({ event, tx, emit }) => {
      const { body } = event;
      if (!body.eventTimeMin || !body.eventTimeMax || body.rows === 0) return;
      const stores = storesOf(context, tx);
      const segment: TruthSegment = {
        kind: body.kind === SegmentKind.LABELS ? 'labels' : 'rows',
        rank: rankOf({ recordedEventId: body.recordedEventId, eventId: event.id }),
        digest: body.digest,
        from: timestampMs(body.eventTimeMin),
        to: timestampMs(body.eventTimeMax),
      };
      await stores.facts.lockSource(body.source);
      await stores.rows.addTruth(body.source, segment);
      for (const system of await stores.facts.systemsOf(body.source)) {
        if (truthKindOf(system) !== segment.kind) continue;
        const labelled = await joinSegment(context, stores, system, segment);
        if (labelled === 0) continue;
        await watchChampion({ context, stores, emit }, system);
        await tellRewards({ context, stores, emit }, system);
      }
    },
  });
}
