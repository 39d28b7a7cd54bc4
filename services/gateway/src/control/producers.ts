import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  AddProducerRequestSchema,
  AddProducerResponseSchema,
  ListDeliveriesResponseSchema,
  ListProducersResponseSchema,
} from '@perennial/contracts';
import { parseEventTime } from '@perennial/kernel';
import type { Peers } from '../effects/peers.js';
import { type ControlRoute, checkName, jsonOf, messageOf, numberOf, optionalName } from './route.js';

/** Who sends rows, and what each has sent. */
export function producerRoutes({ ingest }: Pick<Peers, 'ingest'>): ControlRoute[] {
  return [
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
      method: 'GET',
      path: '/v1/deliveries',
      needs: 'inspect',
      answer: async ({ query }) => {
        const since = query['since'];
        const answer = await ingest.listDeliveries({
          source: optionalName('source', query['source']),
          producer: optionalName('producer', query['producer']),
          limit: numberOf(query, 'limit', { fallback: 100, max: 1_000 }),
          ...(since && { since: timestampFromMs(parseEventTime(since, 'since')) }),
        });
        return jsonOf(ListDeliveriesResponseSchema, answer);
      },
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
