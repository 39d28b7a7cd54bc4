import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { segmentKind } from '../record.js';
import type { Segment, Version } from './store.js';

export function versionMessage({ kind, rows, bytes, createdAt, ...version }: Version) {
  return {
    ...version,
    kind: segmentKind(kind),
    rows: BigInt(rows),
    bytes: BigInt(bytes),
    createdAt: timestampFromMs(createdAt),
  };
}

export function segmentMessage(segment: Segment) {
  return {
    segmentId: segment.segmentId,
    repairId: segment.repairId,
    digest: segment.digest,
    firstRow: BigInt(segment.firstRow),
    rows: segment.rows,
    eventTimeMin: timestampFromMs(segment.eventTimeMin),
    eventTimeMax: timestampFromMs(segment.eventTimeMax),
    recordedAt: timestampFromMs(segment.recordedAt),
    producer: segment.producer,
    schemaVersion: segment.schemaVersion,
  };
}
