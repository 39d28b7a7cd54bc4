import { type DescMessage, fromJson, type Message, type MessageShape } from '@bufbuild/protobuf';
import { eventKindOf, parseEventSubject } from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import { eventHeaders, serviceOf } from './event-headers.js';
import type { RawMessage, ReceivedEvent } from './messages.js';
import { identityOf } from './raw-message.js';

/**
 * The event in a message, or undefined where its type is none of this release.
 *
 * @throws PlatformError EVENT_MALFORMED
 */
export function decodeEvent(message: RawMessage): ReceivedEvent<Message> | undefined {
  const kind = eventKindOf(message.header(eventHeaders.type) ?? '');
  return kind && decodeAs(message, kind.schema);
}

/**
 * The event in a message, its body read as `schema`; fields of a later release are passed over.
 *
 * @throws PlatformError EVENT_MALFORMED
 */
export function decodeAs<D extends DescMessage>(
  message: RawMessage,
  schema: D,
): ReceivedEvent<MessageShape<D>> {
  const subject = parseEventSubject(message.subject);
  const type = message.header(eventHeaders.type);
  if (!subject || !type) {
    throw invalid(
      'EVENT_MALFORMED',
      `${message.subject}: no event; the header ${eventHeaders.type} is missing`,
    );
  }
  const id = identityOf(message);
  return {
    id,
    type,
    subject: message.subject,
    tenant: subject.tenant,
    aggregateId: subject.aggregateId,
    aggregateVersion: Number(message.header(eventHeaders.sequence) ?? 0),
    time: timeOf(message),
    correlationId: message.header(eventHeaders.correlationid) ?? id,
    causationId: message.header(eventHeaders.causationid) ?? '',
    source: serviceOf(message.header(eventHeaders.source) ?? ''),
    traceparent: message.header(eventHeaders.traceparent),
    body: bodyOf(message, schema),
    stream: message.stream,
    sequence: message.sequence,
  };
}

function timeOf(message: RawMessage): Date {
  const time = new Date(message.header(eventHeaders.time) ?? Number.NaN);
  return Number.isNaN(time.getTime()) ? message.time : time;
}

function bodyOf<D extends DescMessage>(message: RawMessage, schema: D): MessageShape<D> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(message.data);
    return fromJson(schema, JSON.parse(text), { ignoreUnknownFields: true });
  } catch (cause) {
    throw invalid('EVENT_MALFORMED', `${message.subject}: the body is no ProtoJSON of ${schema.typeName}`, {
      internal: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}
