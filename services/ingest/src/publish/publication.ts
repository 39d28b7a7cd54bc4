import { type PublishRowsHeader, SegmentKind } from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import { eventRowId } from '../decide/cloud-event.js';
import { type Encoding, encodings } from '../effects/decompress.js';
import type { Way } from '../producers/store.js';
import { checkName, knownSource } from '../rpc/known-source.js';
import type { SourceReading } from '../sources/store.js';
import type { Kind, Store } from '../store.js';

export const formats = ['json', 'jsonl', 'csv', 'parquet', 'arrow', 'cloudevent', 'cloudevents'] as const;
export type Format = (typeof formats)[number];

/** What tells the rows of a body apart from all others. */
export type Naming =
  /** The content's digest and the row's ordinal. */
  | { readonly by: 'file' }
  /** A member of each row. */
  | { readonly by: 'field'; readonly field: string }
  /** The CloudEvents that the body consists of. */
  | { readonly by: 'events' }
  /** The one CloudEvent whose data the body is. */
  | { readonly by: 'event'; readonly rowId: string; readonly time: string | undefined };

/** One file or batch that is being taken. */
export interface Publication {
  readonly kind: Kind;
  readonly producer: string;
  readonly format: Format;
  readonly encoding: Encoding;
  readonly naming: Naming;
  readonly way: Way;
  readonly reading: SourceReading;
}

const ways = ['http', 'grpc', 'files'] as const;

/**
 * What a header says, with how the rows of its source are read.
 *
 * @throws PlatformError NAME_INVALID, FORMAT_UNKNOWN, BODY_ENCODING_UNSUPPORTED, ROW_ID_FIELD, SEGMENT_KIND, PUBLISH_HEADER,
 *   CLOUDEVENT_INVALID, SOURCE_NOT_FOUND
 */
export async function publicationOf(
  { db, tenant }: { db: Store; tenant: string },
  header: PublishRowsHeader,
): Promise<Publication> {
  checkName('source', header.source);
  checkName('producer', header.producer);
  const format = formats.find((one) => one === header.format);
  if (!format) {
    throw invalid('FORMAT_UNKNOWN', `format: "${header.format}" must be one of ${formats.join(', ')}`, {
      field: 'format',
    });
  }
  const encoding = encodings.find((one) => one === header.encoding);
  if (encoding === undefined) {
    throw invalid(
      'BODY_ENCODING_UNSUPPORTED',
      `encoding: "${header.encoding}" must be gzip, zstd or nothing`,
      {
        field: 'encoding',
      },
    );
  }
  const way = header.way === '' ? 'grpc' : ways.find((one) => one === header.way);
  if (!way) {
    throw invalid('PUBLISH_HEADER', `way: "${header.way}" must be one of ${ways.join(', ')}`, {
      field: 'way',
    });
  }
  const naming = namingOf(header, format);
  const kind = kindOf(header.kind);
  const reading = await knownSource(db, tenant, header.source);
  return { kind, producer: header.producer, format, encoding, naming, way, reading };
}

function namingOf(header: PublishRowsHeader, format: Format): Naming {
  const { rowIdField: field, eventId, eventSource, eventTime } = header;
  if (field !== '' && ((format !== 'json' && format !== 'jsonl') || eventId !== '')) {
    const how =
      eventId === '' ? `rows of ${format} are told apart by their place` : 'the event names its rows';
    throw invalid('ROW_ID_FIELD', `row_id_field goes with json and jsonl alone; ${how}`, {
      field: 'row_id_field',
    });
  }
  if (format === 'cloudevent' || format === 'cloudevents') return { by: 'events' };
  if (eventId === '') return field === '' ? { by: 'file' } : { by: 'field', field };
  if (format !== 'json') {
    throw invalid('CLOUDEVENT_INVALID', `datacontenttype: must be application/json, got ${format}`, {
      field: 'datacontenttype',
    });
  }
  return { by: 'event', rowId: eventRowId(eventSource, eventId), time: eventTime || undefined };
}

function kindOf(kind: SegmentKind): Kind {
  if (kind === SegmentKind.ROWS) return 'rows';
  if (kind === SegmentKind.LABELS) return 'labels';
  throw invalid('SEGMENT_KIND', 'kind must be SEGMENT_KIND_ROWS or SEGMENT_KIND_LABELS', { field: 'kind' });
}
