import { sql } from 'kysely';
import type { DatasetDb } from '../datasets/tables.js';

const dayMs = 86_400_000;

/** What of the columns that hold digests is not needed as it stands there. */
export const artifactColumns = {
  mentioned: [
    // Where the rows lie now is in dataset_segment.digest.
    'dataset_segment.verified_digest',
    'dataset_file.digest',
    // See neededSegments.
    'segment.digest',
    // Whatever ingest tells stands in its tables, too.
    'outbox.body',
    // What came in place of an erased file is needed where that file is.
    'erasure.replaced',
    'erasure.places',
    'erasure.key_digest',
  ],
  // Manifests of old versions name files that were compacted since.
  alone: ['dataset_version.manifest_digest'],
};

/**
 * Segments as they came: all, or those of the last days and those of which nothing was verified (held rows are named by
 * validate). Zero days: all.
 */
export async function neededSegments(
  db: DatasetDb,
  { keptDays, now }: { keptDays: number; now: number },
): Promise<string[]> {
  const from = new Date(keptDays === 0 ? 0 : now - keptDays * dayMs);
  const { rows } = await sql<{ digest: string }>`
    select distinct digest from segment
    where recorded_at >= ${from}
      or not exists (select from dataset_segment where dataset_segment.segment_id = segment.segment_id)`.execute(
    db,
  );
  return rows.map((row) => row.digest);
}
