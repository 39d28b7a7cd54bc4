import type { RequestsDb } from './tables.js';

/** Bodies of requests and batches that have not ended; what has ended needs its results alone. */
export async function neededBodies(db: RequestsDb): Promise<string[]> {
  const rows = await db
    .selectFrom('submission')
    .select('body_digest')
    .distinct()
    .where('ended_at', 'is', null)
    .execute();
  return rows.map((row) => row.body_digest);
}
