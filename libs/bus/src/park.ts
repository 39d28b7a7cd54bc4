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

/** Sets a message aside with the reason, and tells so; all in the caller's transaction. */
export async function park(shell: Shell, tx: Tx, parked: Parked): Promise<void> {
  const { consumer, message, headers, attempts, error } = parked;
  const eventId = identityOf(message);
  const deadLetterId = uuidv5('dead-letter', consumer, eventId);
  const eventType = message.header(eventHeaders.type) ?? '';
  await sql`
    insert into dead_letter (dead_letter_id, consumer, event_id, event_type, stream, stream_sequence, stream_time, subject,
      headers, body, attempts, code, reason, internal, status)
    values (${deadLetterId}::uuid, ${consumer}, ${eventId}, ${eventType}, ${message.stream}, ${message.sequence},
      ${message.time}, ${message.subject}, ${JSON.stringify(headers)}::jsonb, ${Buffer.from(message.data)}::bytea,
      ${attempts}, ${error.code}, ${error.message}, ${error.internal ?? null}, 'open')
    on conflict (consumer, event_id) do update set
      attempts = dead_letter.attempts + excluded.attempts, code = excluded.code, reason = excluded.reason,
      internal = excluded.internal, status = 'open', recorded_at = now(), handled_at = null`.execute(tx);
  const cause = {
    correlationId: message.header(eventHeaders.correlationid),
    causationId: message.header(eventHeaders.id),
    traceparent: message.header(eventHeaders.traceparent),
  };
  await emitterOf(shell, tx, cause)(events.deadLetterRecorded, deadLetterId, {
    deadLetterId,
    consumer,
    eventId,
    eventType,
    code: error.code,
    reason: error.message,
    attempts,
  });
}
