import { type Database, eraseRows } from '@perennial/db';
import type { ErasedRows, ErasureRequest, Parts } from './frame.js';

/** What carries messages: their bodies are facts about rows and not rows, and their order must stay. */
const busTables = ['outbox', 'outbox_version', 'inbox', 'batch_position', 'suspect', 'dead_letter'];

/** Takes rows of a key out of all tables of a service; where it has no database, it keeps none. */
export async function eraseFromTables(
  database: Database | undefined,
  { tenant, parts, request }: { tenant: string; parts: Parts; request: ErasureRequest },
): Promise<ErasedRows[]> {
  if (!database) return [];
  const except = [...busTables, ...(parts.keptByErasure ?? [])];
  const found = await eraseRows(database.db, { ...request, tenant }, except);
  const action = request.isDryRun ? 'would be deleted' : 'deleted';
  return [
    ...found.map(({ table, rows }) => ({ what: 'table', name: table, rows, action })),
    ...((await parts.erase?.(request)) ?? []),
  ];
}
