import { invalid } from '@perennial/kernel';

export const formats = ['csv', 'json', 'jsonl', 'parquet', 'arrow', 'cloudevent', 'cloudevents'] as const;

const formatOfType: Readonly<Record<string, string>> = {
  'application/json': 'json',
  'application/jsonl': 'jsonl',
  'application/x-ndjson': 'jsonl',
  'text/csv': 'csv',
  'application/vnd.apache.parquet': 'parquet',
  'application/vnd.apache.arrow.stream': 'arrow',
  'application/cloudevents+json': 'cloudevent',
  'application/cloudevents-batch+json': 'cloudevents',
};
const encodings = ['', 'gzip', 'zstd'];

/** How the rows of a body are to be read, as its headers say. */
export interface ArrivalForm {
  readonly format: string;
  readonly encoding: string;
  /** Of a CloudEvent in binary form: the body is its data. */
  readonly eventSource: string;
  readonly eventId: string;
  readonly eventTime: string;
}

/** @throws PlatformError FORMAT_UNKNOWN, BODY_ENCODING_UNSUPPORTED, CLOUDEVENT_INVALID, naming the header */
export function arrivalForm(
  asked: string | undefined,
  header: (name: string) => string | undefined,
): ArrivalForm {
  const event = binaryEvent(header);
  const format = formatOf(asked, header('content-type'));
  const encoding = (header('content-encoding') ?? '').trim().toLowerCase().replace('identity', '');
  if (!encodings.includes(encoding)) {
    throw invalid(
      'BODY_ENCODING_UNSUPPORTED',
      `content-encoding: ${encoding.slice(0, 40)} is not read here; pack rows with gzip or zstd, or send them as they are`,
      { field: 'content-encoding' },
    );
  }
  return { format, encoding, ...event };
}

function formatOf(asked: string | undefined, contentType: string | undefined): string {
  const type = contentType?.split(';')[0]?.trim().toLowerCase() ?? '';
  const format = asked ?? formatOfType[type];
  if (format !== undefined && (formats as readonly string[]).includes(format)) return format;
  throw invalid(
    'FORMAT_UNKNOWN',
    `say what the body is: ?format= with one of ${formats.join(', ')}, or a content-type of ${Object.keys(formatOfType).join(', ')}`,
    { field: 'format' },
  );
}

/** Attributes of a CloudEvent travel percent-encoded in headers that begin with `ce-`. */
function binaryEvent(header: (name: string) => string | undefined) {
  if (header('ce-specversion') === undefined && header('ce-id') === undefined)
    return { eventSource: '', eventId: '', eventTime: '' };
  const attribute = (name: string): string => {
    const text = header(`ce-${name}`) ?? '';
    try {
      return decodeURIComponent(text);
    } catch {
      throw wrong(name, 'is not percent-encoded as it should be');
    }
  };
  if (attribute('specversion') !== '1.0') throw wrong('specversion', 'must be 1.0');
  for (const name of ['id', 'source', 'type'])
    if (attribute(name) === '') throw wrong(name, 'is missing; it must be a text');
  return { eventSource: attribute('source'), eventId: attribute('id'), eventTime: attribute('time') };
}

function wrong(name: string, message: string) {
  return invalid('CLOUDEVENT_INVALID', `ce-${name}: ${message}`, { field: `ce-${name}` });
}
