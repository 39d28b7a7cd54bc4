import { IngestService } from '@perennial/contracts';
import { rpc } from '@perennial/service';
import type { RpcContext } from './context.js';
import { addProducer, deliveriesOf, producersOf } from './producers.js';
import { publishRows } from './publish-rows.js';
import { applySource, checkSystem, sourceOf, sourcesOf } from './sources.js';

export function ingestService(context: RpcContext) {
  return rpc(IngestService, {
    publishRows: (requests) => publishRows(context, requests),
    addProducer: (request) => addProducer(context, request),
    listProducers: (request) => producersOf(context, request),
    listSources: () => sourcesOf(context),
    applySource: (request) => applySource(context, request),
    getSource: (request) => sourceOf(context, request),
    checkSystem: (request) => checkSystem(context, request),
    listDeliveries: (request) => deliveriesOf(context, request),
  });
}
