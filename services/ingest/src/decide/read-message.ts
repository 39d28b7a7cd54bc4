import { parseArrivalSubject } from '@perennial/contracts';
import { invalid, PlatformError } from '@perennial/kernel';
import { checkRowId, type RowReading } from './arriving-row.js';
import { readBody, readEvents } from './read-body.js';
import type { Arrival } from './segments-of-batch.js';

/** A message of the bus, as far as its rows are concerned. */
export interface RowsMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly stream: string;
  readonly sequence: number;
  /** When the bus stored it, ms since the epoch. */
  readonly time: number;
  /** Of a CloudEvent: source and id, else the Nats-Msg-Id; undefined where the producer gave none. */
  readonly givenId: string | undefined;
  /** Header `content-type`; what is no CloudEvent in structured form is JSON. */
  readonly contentType: string | undefined;
  /** The time of a CloudEvent in binary form, for rows that have none. */
  readonly eventTime: string | undefined;
}

/** Where a message belongs, before its rows are read. */
export interface Sender {
  readonly source: string;
  readonly kind: 'rows' | 'labels';
  readonly producer: string;
  /** Names its row, or with an ordinal its rows. */
  readonly messageId: string;
}

/** @throws PlatformError SUBJECT_UNKNOWN, TENANT_UNKNOWN, ROW_ID_INVALID */
export function senderOf(message: RowsMessage, tenant: string): Sender {
  const subject = parseArrivalSubject(message.subject);
  if (!subject) {
    throw invalid(
      'SUBJECT_UNKNOWN',
      `${message.subject}: rows come on rows.<tenant>.<source>.<producer>, labels on labels.<tenant>.<source>.<producer>`,
    );
  }
  if (subject.tenant !== tenant) {
    throw invalid('TENANT_UNKNOWN', `${message.subject}: the tenant here is "${tenant}"`);
  }
  if (message.givenId !== undefined) checkRowId(message.givenId);
  // The time tells apart messages of a stream that was made anew.
  const messageId = message.givenId ?? `${message.stream}-${message.sequence}-${message.time}`;
  return { source: subject.source, kind: subject.arrival, producer: subject.producer, messageId };
}

/** CloudEvents in structured form, one or a batch. */
const structured = /^application\/cloudevents(-batch)?\+json\s*(;|$)/i;

/** Reads a message's rows; the error, if some were refused, names the first one. The good ones are taken. */
export function readMessage(
  message: RowsMessage,
  sender: Sender,
  { timeColumn, zone }: Pick<RowReading, 'timeColumn' | 'zone'>,
): { arrivals: Arrival[]; refused: number; error: PlatformError | undefined } {
  const { source, kind, producer, messageId } = sender;
  const reading = { timeColumn, zone, arrivedAt: message.time, fallbackTime: message.eventTime };
  const idOf = (ordinal: number, count: number) => (count > 1 ? `${messageId}/${ordinal}` : messageId);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(message.data);
  } catch {
    return { arrivals: [], refused: 1, error: invalid('ROW_MALFORMED', 'the message is not UTF-8') };
  }
  const read = structured.test(message.contentType ?? '')
    ? readEvents(text, reading)
    : readBody(text, reading, idOf);
  const { rows, refused } = read;
  const arrivals = rows.map((row) => ({ source, kind, producer, sequence: message.sequence, row, hold: '' }));
  const [first] = refused;
  if (!first) return { arrivals, refused: 0, error: undefined };
  const more = refused.length > 1 ? ` (and ${refused.length - 1} more)` : '';
  const error = new PlatformError(
    first.error.code,
    'caller',
    'never',
    `${first.where}: ${first.error.message}${more}`,
    first.error.field === undefined ? {} : { field: first.error.field },
  );
  return { arrivals, refused: refused.length, error };
}
