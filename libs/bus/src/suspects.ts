import type { AnyDb } from '@perennial/db';
import { PlatformError } from '@perennial/kernel';
import { sql } from 'kysely';

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

export function processDied(deaths: number): PlatformError {
  return new PlatformError(
    'PROCESS_DIED',
    'us',
    'never',
    `the process died ${deaths} times with this message in hand; look at its log and memory before handling it again`,
  );
}
