import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Emitter } from '@perennial/bus';
import { events, SegmentKind } from '@perennial/contracts';
import { moveNewestEvent } from './sources/store.js';
import { type CutSegment, type Kind, type Store, saveSegment } from './store.js';

export function segmentKind(kind: Kind): SegmentKind {
  return kind === 'rows' ? SegmentKind.ROWS : SegmentKind.LABELS;
}

/** Writes a segment and tells it, in the caller's transaction. */
export async function recordSegment(
  tx: Store,
  emit: Emitter,
  { tenant, segment, now }: { tenant: string; segment: CutSegment; now: number },
): Promise<void> {
  await saveSegment(tx, tenant, segment, now);
  const { source, kind, newest } = segment;
  if (kind === 'rows' && newest !== undefined)
    await moveNewestEvent(tx, { tenant, source, eventTime: newest });
  await emit(events.segmentRecorded, segment.segmentId, {
    segmentId: segment.segmentId,
    source: segment.source,
    kind: segmentKind(segment.kind),
    producer: segment.producer,
    digest: segment.digest,
    rows: segment.rows,
    bytes: BigInt(segment.bytes),
    eventTimeMin: timestampFromMs(segment.eventTimeMin),
    eventTimeMax: timestampFromMs(segment.eventTimeMax),
    streamSequenceFirst: BigInt(segment.sequenceFirst),
    streamSequenceLast: BigInt(segment.sequenceLast),
    hold: segment.hold,
  });
}
