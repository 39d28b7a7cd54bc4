import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ListEventsRequest } from '@perennial/contracts';
import type { RecordedEvent } from '../decide/chain.js';
import { bodyJson } from '../decide/entry.js';
import { withBody } from '../effects/bodies.js';
import type { RpcContext } from './context.js';

const limitDefault = 100;
const limitMax = 1_000;
/** A page of large bodies ends early, well under what one gRPC message may carry; the next call goes on. */
const pageBytesMax = 8 * 2 ** 20;
const typeRoot = 'io.perennial.';

/** Events from index `after_index` on: that many are passed over. */
export async function listEvents({ listings, store, artifacts }: RpcContext, request: ListEventsRequest) {
  const { typePrefix } = request;
  const found = await listings.events({
    from: Number(request.afterIndex),
    limit: Math.min(request.limit || limitDefault, limitMax),
    typePrefix:
      typePrefix === '' || typePrefix.startsWith(typeRoot) ? typePrefix : `${typeRoot}${typePrefix}`,
    subjectContains: request.subjectContains,
  });
  const events = [];
  let bytes = 0;
  for (const { index, entry } of found) {
    const shown = shownEvent({ index, entry: await withBody(artifacts, entry) });
    bytes += shown.bodyJson.length;
    if (events.length > 0 && bytes > pageBytesMax) break;
    events.push(shown);
  }
  return { events, size: BigInt((await store.head())?.size ?? 0) };
}

function shownEvent({ index, entry }: RecordedEvent) {
  return {
    index: BigInt(index),
    eventId: entry.eventId,
    eventType: entry.eventType,
    subject: entry.subject,
    service: entry.service,
    causationId: entry.causationId,
    correlationId: entry.correlationId,
    occurredAt: timestampFromDate(entry.occurredAt),
    bodyJson: bodyJson(entry),
  };
}
