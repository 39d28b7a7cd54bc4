import { sql } from 'kysely';
import type { Db } from './tables.js';

/** Bodies that were too large for the bus. Everything else that entries name, they only mention: what is gone was there. */
export async function neededBodies(db: Db): Promise<string[]> {
  const { rows } = await sql<{ dataref: string }>`
    select distinct found[1] as dataref
    from entry, lateral regexp_matches(encode(content, 'escape'), '"dataref":"(sha256:[0-9a-f]{64})"', 'g') as found
    where position('"dataref"'::bytea in content) > 0`.execute(db);
  return rows.map((row) => row.dataref);
}
