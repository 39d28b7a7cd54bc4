import type { IncomingMessage } from 'node:http';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type PublishRowsRequestSchema,
  PublishRowsResponseSchema,
  type SegmentKind,
} from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import { producerFor } from '../decide/access.js';
import type { Peers } from '../effects/peers.js';
import { gatewayLimits } from '../limits.js';
import { type ControlRequest, checkName, jsonOf } from './route.js';

const formats = ['json', 'jsonl', 'csv', 'parquet'];
const formatOfType: Readonly<Record<string, string>> = {
  'application/json': 'json',
  'application/jsonl': 'jsonl',
  'application/x-ndjson': 'jsonl',
  'text/csv': 'csv',
  'application/vnd.apache.parquet': 'parquet',
};

/** Streams the body of `POST /v1/sources/<name>/rows` (or labels) into ingest; no more than a chunk is held here. */
export async function publishArrivals(
  ingest: Peers['ingest'],
  kind: SegmentKind,
  request: Omit<ControlRequest, 'text'>,
  body: IncomingMessage,
): Promise<unknown> {
  const { params, query, caller, signal } = request;
  const header = {
    source: checkName('source', params['source'] ?? ''),
    kind,
    producer: checkName('producer', producerFor(caller, query['producer'])),
    format: formatOf(query['format'], body.headers['content-type']),
    rowIdField: query['row-id'] ?? '',
  };
  // How many there are is known when they are through: one must be left, the others are counted then.
  caller.meter?.takeRows(1);
  const answer = await ingest.publishRows(parts(header, body), {
    timeoutMs: gatewayLimits.uploadTimeoutMs,
    signal,
  });
  caller.meter?.spendRows(Math.max(0, answer.taken + answer.duplicates + answer.refused - 1));
  return jsonOf(PublishRowsResponseSchema, answer);
}

/** The header once, then the body's chunks as they come. */
async function* parts(
  header: { source: string; kind: SegmentKind; producer: string; format: string; rowIdField: string },
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<MessageInitShape<typeof PublishRowsRequestSchema>> {
  yield { part: { case: 'header', value: header } };
  for await (const chunk of body) yield { part: { case: 'chunk', value: chunk } };
}

/** @throws PlatformError FORMAT_UNKNOWN */
function formatOf(asked: string | undefined, contentType: string | undefined): string {
  const type = contentType?.split(';')[0]?.trim().toLowerCase() ?? '';
  const format = asked ?? formatOfType[type];
  if (format !== undefined && formats.includes(format)) return format;
  throw invalid(
    'FORMAT_UNKNOWN',
    `say what the body is: ?format= with one of ${formats.join(', ')}, or a content-type of ${Object.keys(formatOfType).join(', ')}`,
    { field: 'format' },
  );
}
