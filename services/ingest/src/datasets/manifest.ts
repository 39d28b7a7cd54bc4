import { canonicalJson } from '@perennial/kernel';
import type { DatasetFile, DatasetName, Segment } from './store.js';

export interface Manifest {
  /** Canonical JSON; the same segments in the same files give the same bytes. */
  readonly text: string;
  readonly segments: number;
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
}

/** What a version of a dataset consists of: segments in recorded order, and the files that hold their rows. */
export function manifestOf(
  { source, kind }: DatasetName,
  version: number,
  { segments, files }: { segments: readonly Segment[]; files: ReadonlyMap<string, DatasetFile> },
): Manifest {
  const held = segments.filter(({ rows }) => rows > 0);
  const digests = [...new Set(held.map(({ digest }) => digest))];
  const rows = held.reduce((sum, segment) => sum + segment.rows, 0);
  const bytes = digests.reduce((sum, digest) => sum + (files.get(digest)?.bytes ?? 0), 0);
  const text = canonicalJson({
    format: 'perennial/dataset-version/v1',
    source,
    kind,
    version,
    rows,
    bytes,
    segments: held.map((segment) => ({
      segment_id: segment.segmentId,
      ...(segment.repairId && { repair_id: segment.repairId }),
      digest: segment.digest,
      first_row: segment.firstRow,
      rows: segment.rows,
      event_time_min: timeText(segment.eventTimeMin),
      event_time_max: timeText(segment.eventTimeMax),
      recorded_at: timeText(segment.recordedAt),
      producer: segment.producer,
      schema_version: segment.schemaVersion,
    })),
  });
  return { text, segments: held.length, files: digests.length, rows, bytes };
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
