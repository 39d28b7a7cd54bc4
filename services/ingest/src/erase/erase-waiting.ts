import type { ErasedRows, ErasureRequest } from '@perennial/service';
import { sql } from 'kysely';
import type { Store } from '../store.js';
import { rowsHold } from './purge-stream.js';

/** Messages whose source is not known yet, with rows of the key. Their other rows go with them: nobody has taken any. */
export async function eraseWaiting(
  db: Store,
  tenant: string,
  { source, column, value, isDryRun }: ErasureRequest,
): Promise<ErasedRows[]> {
  const { rows } = await sql<{ source: string; kind: string; message_id: string; body: Uint8Array }>`
    select source, kind, message_id, body from waiting_message
    where tenant = ${tenant} and (${source} = '' or source = ${source})
      and position(convert_to(${column}, 'UTF8') in body) > 0`.execute(db);
  const held = rows.filter(({ body }) => rowsHold(body, { column, value }));
  if (held.length === 0) return [];
  const action = isDryRun ? 'would be deleted' : 'deleted';
  for (const message of isDryRun ? [] : held) {
    await sql`delete from waiting_message where tenant = ${tenant} and source = ${message.source}
      and kind = ${message.kind} and message_id = ${message.message_id}`.execute(db);
  }
  return [{ what: 'messages that wait', name: 'waiting_message', rows: held.length, action }];
}
