import type { IncomingMessage } from 'node:http';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type PublishRowsHeaderSchema,
  type PublishRowsRequestSchema,
  PublishRowsResponseSchema,
  type SegmentKind,
} from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import { producerFor } from '../decide/access.js';
import { arrivalForm } from '../decide/arrival-form.js';
import type { Peers } from '../effects/peers.js';
import { gatewayLimits } from '../limits.js';
import { type ControlRequest, checkName, jsonOf } from './route.js';

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
    ...arrivalForm(query['format'], request.header),
    rowIdField: query['row-id'] ?? '',
    way: wayOf(query['way']),
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

type Header = MessageInitShape<typeof PublishRowsHeaderSchema>;

/** The header once, then the body's chunks as they come. */
async function* parts(
  header: Header,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<MessageInitShape<typeof PublishRowsRequestSchema>> {
  yield { part: { case: 'header', value: header } };
  for await (const chunk of body) yield { part: { case: 'chunk', value: chunk } };
}

/** @throws PlatformError QUERY_INVALID */
function wayOf(asked = 'http'): string {
  if (asked === 'http' || asked === 'files') return asked;
  throw invalid('QUERY_INVALID', `way must be http or files, got "${asked.slice(0, 40)}"`, { field: 'way' });
}
