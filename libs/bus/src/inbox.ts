import type { AnyDb, Tx } from '@perennial/db';
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

/** A process that dies this often with the same message in hand dies of it. */
export const deathsMax = 3;

/**
 * Notes, in a transaction of its own, that a message is taken in hand, and returns how often it was without an end: each
 * time before this one, the process died.
 */
export async function beginSuspect(db: AnyDb, consumer: string, messageId: string): Promise<number> {
  const { rows } = await sql<{ begun: number }>`
    insert into suspect (consumer, message_id, begun) values (${consumer}, ${messageId}, 1)
    on conflict (consumer, message_id) do update set begun = suspect.begun + 1, begun_at = now()
    returning begun`.execute(db);
  return rows[0]?.begun ?? 1;
}

export async function endSuspect(db: AnyDb, consumer: string, messageId: string): Promise<void> {
  await sql`delete from suspect where consumer = ${consumer} and message_id = ${messageId}`.execute(db);
}
