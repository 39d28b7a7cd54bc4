import type { JsMsg } from '@nats-io/jetstream';
import { Match, type MsgHdrs } from '@nats-io/transport-node';
import { type Digest, digestOf, PlatformError } from '@perennial/kernel';
import { decodeHeader, eventHeaders } from './event-headers.js';
import type { RawMessage } from './messages.js';

export type GetArtifact = (digest: Digest) => Promise<Uint8Array>;

const nanosPerMs = 1e6;

/** The message as handlers see it. */
export function rawOf(message: JsMsg, attempt: number): RawMessage {
  const { stream, streamSequence, timestampNanos } = message.info;
  return {
    subject: message.subject,
    data: message.data,
    header: (name) => headerOf(message.headers, name),
    messageId: headerOf(message.headers, 'Nats-Msg-Id'),
    stream,
    sequence: streamSequence,
    time: new Date(Math.floor(timestampNanos / nanosPerMs)),
    attempt,
  };
}

function headerOf(headers: MsgHdrs | undefined, name: string): string | undefined {
  if (!headers?.has(name, Match.IgnoreCase)) return undefined;
  const value = headers.get(name, Match.IgnoreCase);
  return name.toLowerCase().startsWith('ce-') ? decodeHeader(value) : value;
}

/** All headers, each with its first value, as they were sent. */
export function headersOfMessage(message: JsMsg): Record<string, string> {
  return Object.fromEntries([...(message.headers ?? [])].map(([name, values]) => [name, values[0] ?? '']));
}

/** A message from what was kept of it. */
export function rawFrom(
  kept: Omit<RawMessage, 'header' | 'messageId'>,
  headers: Readonly<Record<string, string>>,
): RawMessage {
  const byName = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const header = (name: string) => {
    const value = byName.get(name.toLowerCase());
    return value !== undefined && name.toLowerCase().startsWith('ce-') ? decodeHeader(value) : value;
  };
  return { ...kept, header, messageId: byName.get('nats-msg-id') };
}

/**
 * Fetches the body where the message carries only its digest.
 *
 * @throws PlatformError EVENT_BODY_ELSEWHERE, and what the store throws
 */
export async function withBody(
  message: RawMessage,
  getArtifact: GetArtifact | undefined,
): Promise<RawMessage> {
  const dataref = message.header(eventHeaders.dataref);
  if (dataref === undefined) return message;
  if (getArtifact === undefined) {
    throw new PlatformError(
      'EVENT_BODY_ELSEWHERE',
      'us',
      'never',
      `${message.subject}: the body is the artifact ${dataref}, and this service was given no artifact store`,
    );
  }
  const data = await getArtifact(dataref as Digest);
  return { ...message, data };
}

/**
 * What names a message in inbox and dead letters: the event's id, the publisher's, or its place in the stream. Whoever
 * may publish chooses the first two, so an id that no key of the database can hold is named by its digest.
 */
export function identityOf(message: RawMessage): string {
  const given = message.header(eventHeaders.id) ?? message.messageId;
  if (given === undefined) return `${message.stream}:${message.sequence}`;
  return isKey(given) ? given : digestOf(given);
}

/** UUIDs have 36 characters; an index of PostgreSQL holds no more than some 2,700 bytes. */
const keyCharactersMax = 256;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to be refused
const unfitForKeys = /[\u0000-\u001f\u007f\p{Cs}]/u;

function isKey(text: string): boolean {
  return text !== '' && text.length <= keyCharactersMax && !unfitForKeys.test(text);
}
