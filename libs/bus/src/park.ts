import { events } from '@perennial/contracts';
import type { Tx } from '@perennial/db';
import { type PlatformError, uuidv5 } from '@perennial/kernel';
import { sql } from 'kysely';
import { eventHeaders } from './event-headers.js';
import type { RawMessage } from './messages.js';
import { identityOf } from './raw-message.js';
import { emitterOf, type Shell } from './shell.js';

export interface Parked {
  readonly consumer: string;
  readonly message: RawMessage;
  /** As they came, for the day when it is handled again. */
  readonly headers: Readonly<Record<string, string>>;
  readonly attempts: number;
  readonly error: PlatformError;
}

/** A reason is read by people and travels in an event of 64 KiB; it may quote what was sent. */
const reasonCharactersMax = 2_000;
const internalCharactersMax = 20_000;
/** Ids and types: ours have under 100, whoever may publish chooses theirs. */
const nameCharactersMax = 256;

/**
 * Sets a message aside with the reason, and tells so; all in the caller's transaction. Must not fail for anything that a
 * message may hold: one that cannot be parked holds up all behind it.
 */
export async function park(shell: Shell, tx: Tx, parked: Parked): Promise<void> {
  const { consumer, message, attempts, error } = parked;
  const eventId = await parkedAs(tx, consumer, message);
  const deadLetterId = uuidv5('dead-letter', consumer, eventId);
  const eventType = storable(message.header(eventHeaders.type) ?? '', nameCharactersMax);
  const subject = storable(message.subject);
  const headers = JSON.stringify(parked.headers, (_name, value) =>
    typeof value === 'string' ? storable(value) : value,
  );
  const reason = storable(error.message, reasonCharactersMax);
  const internal = error.internal === undefined ? null : storable(error.internal, internalCharactersMax);
  await sql`
    insert into dead_letter (dead_letter_id, consumer, event_id, event_type, stream, stream_sequence, stream_time, subject,
      headers, body, attempts, code, reason, internal, status)
    values (${deadLetterId}::uuid, ${consumer}, ${eventId}, ${eventType}, ${message.stream}, ${message.sequence},
      ${message.time}, ${subject}, ${headers}::jsonb, ${Buffer.from(message.data)}::bytea,
      ${attempts}, ${error.code}, ${reason}, ${internal}, 'open')
    on conflict (consumer, event_id) do update set
      attempts = dead_letter.attempts + excluded.attempts, code = excluded.code, reason = excluded.reason,
      internal = excluded.internal, status = 'open', recorded_at = now(), handled_at = null`.execute(tx);
  const cause = {
    correlationId: shortOnly(message.header(eventHeaders.correlationid)),
    causationId: shortOnly(message.header(eventHeaders.id)),
    traceparent: shortOnly(message.header(eventHeaders.traceparent)),
  };
  await emitterOf(shell, tx, cause)(events.deadLetterRecorded, deadLetterId, {
    deadLetterId,
    consumer,
    eventId,
    eventType,
    code: error.code,
    reason,
    attempts,
  });
}

/**
 * The message's own id, or its place in the stream where another message with that id was parked: ids that a publisher
 * chooses may be chosen twice, and neither content may be lost.
 */
async function parkedAs(tx: Tx, consumer: string, message: RawMessage): Promise<string> {
  const eventId = identityOf(message);
  const { rows } = await sql`
    select 1 from dead_letter where consumer = ${consumer} and event_id = ${eventId}
      and (subject, body) is distinct from (${storable(message.subject)}, ${Buffer.from(message.data)}::bytea)`.execute(
    tx,
  );
  return rows.length > 0 ? `${message.stream}:${message.sequence}` : eventId;
}

/** Databases hold neither U+0000 nor half a surrogate pair. */
function storable(text: string, charactersMax = text.length): string {
  return text.slice(0, charactersMax).replace(/[\0\p{Cs}]/gu, '\ufffd');
}

/** A cause is an id; what is longer is none, and would not fit the headers of an event. */
function shortOnly(text: string | undefined): string | undefined {
  return text === undefined || text.length > nameCharactersMax ? undefined : storable(text);
}
