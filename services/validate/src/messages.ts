import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { isName, SegmentKind } from '@perennial/contracts';
import { invalid, uuidv5 } from '@perennial/kernel';
import type { HeldReason } from './causes/findings.js';
import type { Entry } from './quarantine/store.js';
import type { Kind } from './store.js';

/** @throws PlatformError SEGMENT_KIND */
export function kindOf(kind: SegmentKind): Kind {
  if (kind === SegmentKind.ROWS) return 'rows';
  if (kind === SegmentKind.LABELS) return 'labels';
  throw invalid('SEGMENT_KIND', 'kind must be SEGMENT_KIND_ROWS or SEGMENT_KIND_LABELS', { field: 'kind' });
}

export function segmentKind(kind: Kind): SegmentKind {
  return kind === 'rows' ? SegmentKind.ROWS : SegmentKind.LABELS;
}

/** The id under which a source's schema changes are told: the source, or for labels its name with a suffix. */
export function schemaAggregate(source: string, kind: Kind): string {
  const id = kind === 'rows' ? source : `${source}-labels`;
  return isName(id) ? id : uuidv5('schema', source, kind);
}

export function findingOf(reason: HeldReason, producer: string) {
  return {
    rule: reason.rule,
    column: reason.column,
    producer,
    suspectedCause: reason.suspectedCause,
    evidence: reason.evidence,
    firstRowId: reason.firstRowId,
    firstEventTime: timestampFromMs(reason.firstEventTime),
    rows: reason.rows,
    suggestedExpression: reason.suggestedExpression,
    severity: reason.severity ?? 'quarantine',
    type: reason.type ?? '',
    gaps: (reason.gaps ?? []).map(({ from, to, rows }) => ({
      from: timestampFromMs(from),
      to: timestampFromMs(to),
      rows,
    })),
  };
}

export function entryMessage(entry: Entry) {
  return {
    quarantineId: entry.quarantineId,
    source: entry.source,
    kind: segmentKind(entry.kind),
    producer: entry.producer,
    rows: entry.rows,
    status: entry.status,
    eventTimeMin: timestampFromMs(entry.eventTimeMin),
    eventTimeMax: timestampFromMs(entry.eventTimeMax),
    findings: entry.reasons.map((reason) => findingOf(reason, entry.producer)),
    repairId: entry.repairId ?? '',
  };
}
