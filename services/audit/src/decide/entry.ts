import { canonicalJson, invalid } from '@perennial/kernel';

export type JsonObject = Readonly<Record<string, unknown>>;

/** A recorded event. `content` is what the log proves; all else is read from it. */
export interface Entry {
  readonly content: Uint8Array;
  readonly eventId: string;
  readonly eventType: string;
  /** Of the bus. */
  readonly subject: string;
  readonly service: string;
  readonly causationId: string;
  readonly correlationId: string;
  readonly occurredAt: Date;
  /** Counts the events of its aggregate. */
  readonly aggregateVersion: number;
  /** Empty where the body lies in the artifact `dataref`. */
  readonly body: JsonObject;
  /** Digest of a body that was too large for the bus. */
  readonly dataref: string | undefined;
}

/** Attributes that are recorded, in CloudEvents' names; `tracestate` belongs to tracing vendors, not to the fact. */
const attributes = [
  'specversion',
  'id',
  'type',
  'source',
  'subject',
  'time',
  'datacontenttype',
  'tenant',
  'sequence',
  'correlationid',
  'causationid',
  'traceparent',
  'dataref',
] as const;

export type Attribute = (typeof attributes)[number];

/** What of a bus message makes an entry. */
export interface EventMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Of CloudEvents, by its own name. */
  attribute(name: Attribute): string | undefined;
}

const required = ['id', 'type', 'source', 'time'] as const;

/**
 * The entry of an event: CloudEvents' JSON format in canonical form (RFC 8785), the bus subject as an extension. A body
 * that travelled as an artifact is recorded by its digest, which is as good as the body.
 *
 * @throws PlatformError EVENT_MALFORMED
 */
export function entryOf(message: EventMessage): Entry {
  const event: Record<string, unknown> = { bussubject: message.subject };
  for (const name of attributes) {
    const value = message.attribute(name);
    if (value !== undefined && value !== '') event[name] = value;
  }
  for (const name of required) {
    if (event[name] === undefined) throw malformed(message.subject, `its header ce-${name} is missing`);
  }
  if (event['dataref'] === undefined) event['data'] = parseObject(decodeUtf8(message.data), message.subject);
  return readEntry(new TextEncoder().encode(canonicalJson(event)));
}

/**
 * Reads an entry back from its content.
 *
 * @throws PlatformError EVENT_MALFORMED
 */
export function readEntry(content: Uint8Array): Entry {
  const event = parseObject(decodeUtf8(content), 'entry');
  const text = (name: string) => String(event[name] ?? '');
  const occurredAt = new Date(text('time'));
  if (Number.isNaN(occurredAt.getTime())) throw malformed(text('bussubject'), 'its time is none');
  return {
    content,
    eventId: text('id'),
    eventType: text('type'),
    subject: text('bussubject'),
    service: text('source').replace(/^\/perennial\//, ''),
    causationId: text('causationid'),
    correlationId: text('correlationid'),
    occurredAt,
    aggregateVersion: Number(event['sequence'] ?? 0),
    body: isObject(event['data']) ? event['data'] : {},
    dataref: event['dataref'] === undefined ? undefined : text('dataref'),
  };
}

/** The body of an event as JSON text, where it lies in the entry. */
export function bodyJson(entry: Entry): string {
  return canonicalJson(entry.body);
}

function parseObject(text: string | undefined, subject: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text ?? '');
    if (isObject(value)) return value;
  } catch {
    // Said below, as for any other value.
  }
  throw malformed(subject, 'its body is no JSON object in UTF-8');
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function malformed(subject: string, why: string) {
  return invalid('EVENT_MALFORMED', `the message on ${subject} is no event of ours: ${why}`);
}
