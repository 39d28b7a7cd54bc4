import {
  AddProducerRequestSchema,
  AddProducerResponseSchema,
  GetQuarantineResponseSchema,
  GetSchemaResponseSchema,
  ListProducersResponseSchema,
  ListQuarantineResponseSchema,
  ListSourcesResponseSchema,
  RepairQuarantineRequestSchema,
  RepairQuarantineResponseSchema,
  SegmentKind,
} from '@perennial/contracts';
import type { Peers } from '../effects/peers.js';
import { gatewayLimits } from '../limits.js';
import { askedBy, type ControlRoute, checkName, jsonOf, messageOf } from './route.js';

/** Sources, producers and quarantine. */
export function dataRoutes(peers: Peers): ControlRoute[] {
  return [...sourceRoutes(peers), ...quarantineRoutes(peers)];
}

function sourceRoutes({ ingest, validate }: Peers): ControlRoute[] {
  return [
    {
      method: 'GET',
      path: '/v1/sources',
      needs: 'inspect',
      answer: async () => jsonOf(ListSourcesResponseSchema, await ingest.listSources({})),
    },
    {
      method: 'GET',
      path: '/v1/sources/:source/schema',
      needs: 'inspect',
      answer: async ({ params, query }) => {
        const kind = query['kind'] === 'labels' ? SegmentKind.LABELS : SegmentKind.ROWS;
        return jsonOf(
          GetSchemaResponseSchema,
          await validate.getSchema({ source: params['source'] ?? '', kind }),
        );
      },
    },
    {
      method: 'GET',
      path: '/v1/producers',
      needs: 'inspect',
      answer: async ({ query }) =>
        jsonOf(
          ListProducersResponseSchema,
          await ingest.listProducers({ source: optionalName('source', query['source']) }),
        ),
    },
    {
      method: 'POST',
      path: '/v1/producers',
      needs: 'administer',
      answer: async (request) => {
        const message = messageOf(AddProducerRequestSchema, request, {}, ['source', 'producer']);
        checkName('source', message.source);
        checkName('producer', message.producer);
        return jsonOf(AddProducerResponseSchema, await ingest.addProducer(message));
      },
    },
  ];
}

function quarantineRoutes({ validate }: Peers): ControlRoute[] {
  return [
    {
      method: 'GET',
      path: '/v1/quarantine',
      needs: 'inspect',
      answer: async ({ query }) =>
        jsonOf(
          ListQuarantineResponseSchema,
          await validate.listQuarantine({
            source: optionalName('source', query['source']),
            includeRepaired: query['include_repaired'] === 'true',
          }),
        ),
    },
    {
      method: 'GET',
      path: '/v1/quarantine/:id',
      needs: 'inspect',
      answer: async ({ params }) =>
        jsonOf(
          GetQuarantineResponseSchema,
          await validate.getQuarantine({ quarantineId: params['id'] ?? '' }),
        ),
    },
    {
      method: 'POST',
      path: '/v1/quarantine/repair',
      needs: 'operate',
      answer: async (request) => {
        const by = askedBy(request, 'repaired_by');
        const message = messageOf(RepairQuarantineRequestSchema, request, by, ['column', 'expression']);
        const answer = await validate.repairQuarantine(message, {
          timeoutMs: gatewayLimits.exportTimeoutMs,
          signal: request.signal,
        });
        return jsonOf(RepairQuarantineResponseSchema, answer);
      },
    },
  ];
}

function optionalName(field: string, text: string | undefined): string {
  return text === undefined || text === '' ? '' : checkName(field, text);
}
