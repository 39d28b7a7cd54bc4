import type { AnyDb, Tx } from '@perennial/db';
import { sql } from 'kysely';
import type { Bus } from './bus.js';
import type { BatchHandler } from './handlers.js';
import type { RawMessage } from './messages.js';

/** The bus counts in nanoseconds beyond what a double holds, so that the same time may come out a millisecond apart. */
const clockRoundingMs = 2;

/** The sequence up to which a batch consumer has handled its stream; 0 at the beginning. */
export async function positionOf(db: AnyDb, { consumer, stream }: BatchHandler): Promise<number> {
  await sql`
    insert into batch_position (consumer, stream, stream_sequence) values (${consumer}, ${stream}, 0)
    on conflict do nothing`.execute(db);
  const { rows } = await sql<{ stream_sequence: string }>`
    select stream_sequence from batch_position where consumer = ${consumer}`.execute(db);
  return Number(rows[0]?.stream_sequence ?? 0);
}

/** The same, locked to the end of the transaction: one batch at a time over all processes. */
export async function lockPosition(tx: Tx, { consumer }: BatchHandler): Promise<number> {
  const { rows } = await sql<{ stream_sequence: string }>`
    select stream_sequence from batch_position where consumer = ${consumer} for update`.execute(tx);
  return Number(rows[0]?.stream_sequence ?? 0);
}

export async function movePosition(tx: Tx, { consumer }: BatchHandler, last: RawMessage): Promise<void> {
  await sql`
    update batch_position set stream_sequence = ${last.sequence}, stream_time = ${last.time}, moved_at = now()
    where consumer = ${consumer}`.execute(tx);
}

/**
 * True where the stream is not the one that the position was taken in: it ends before it, or has another message there.
 * Then the bus lost its data and began anew, and everything on it is read again.
 */
export async function isStreamAnother(
  bus: Bus,
  db: AnyDb,
  { consumer, stream }: BatchHandler,
): Promise<boolean> {
  const { rows } = await sql<{ stream_sequence: string; stream_time: Date | null }>`
    select stream_sequence, stream_time from batch_position where consumer = ${consumer}`.execute(db);
  const sequence = Number(rows[0]?.stream_sequence ?? 0);
  if (sequence === 0) return false;
  const { state } = await bus.jsm.streams.info(stream);
  if (state.last_seq < sequence) return true;
  if (state.first_seq > sequence) return false;
  const there = await bus.jsm.streams.getMessage(stream, { seq: sequence });
  const time = rows[0]?.stream_time;
  return there !== null && time != null && Math.abs(there.time.getTime() - time.getTime()) > clockRoundingMs;
}

/**
 * The sequences behind the position that the stream keeps no longer: by age, or because somebody removed them. Whoever
 * stands still for longer than a stream keeps its messages loses what came meanwhile, and must be told. Undefined where
 * nothing is missing, and for a consumer that has handled nothing yet.
 */
export async function expiredBehind(
  bus: Bus,
  { stream }: BatchHandler,
  position: number,
): Promise<{ from: number; to: number } | undefined> {
  if (position === 0) return undefined;
  const { state } = await bus.jsm.streams.info(stream);
  return state.first_seq > position + 1 ? { from: position + 1, to: state.first_seq - 1 } : undefined;
}

export async function resetPosition(db: AnyDb, { consumer }: BatchHandler): Promise<void> {
  await sql`
    update batch_position set stream_sequence = 0, stream_time = null where consumer = ${consumer}`.execute(
    db,
  );
}
