import type { Tx } from '@perennial/db';
import { sql } from 'kysely';

export interface InboxKey {
  readonly consumer: string;
  readonly eventId: string;
  readonly stream: string;
  readonly sequence: number;
}

/** True the first time. Another process at the same event waits here until this transaction ends. */
export async function enterInbox(tx: Tx, key: InboxKey, outcome: 'handled' | 'parked'): Promise<boolean> {
  const { rows } = await sql`
    insert into inbox (consumer, event_id, stream, stream_sequence, outcome)
    values (${key.consumer}, ${key.eventId}, ${key.stream}, ${key.sequence}, ${outcome})
    on conflict do nothing returning 1`.execute(tx);
  return rows.length > 0;
}

/** Marks as handled what had been parked. */
export async function clearInbox(tx: Tx, consumer: string, eventId: string): Promise<void> {
  await sql`
    update inbox set outcome = 'handled', handled_at = now()
    where consumer = ${consumer} and event_id = ${eventId}`.execute(tx);
}
