import { IngestService } from '@perennial/contracts';
import { rpc } from '@perennial/service';
import type { RpcContext } from './context.js';
import { addProducer, producersOf, sourcesOf } from './producers.js';
import { publishRows } from './publish-rows.js';

export function ingestService(context: RpcContext) {
  return rpc(IngestService, {
    publishRows: (requests) => publishRows(context, requests),
    addProducer: (request) => addProducer(context, request),
    listProducers: (request) => producersOf(context, request),
    listSources: () => sourcesOf(context),
  });
}
