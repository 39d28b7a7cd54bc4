import {
  AddProducerRequestSchema,
  AddProducerResponseSchema,
  ListProducersResponseSchema,
} from '@perennial/contracts';
import type { Peers } from '../effects/peers.js';
import { type ControlRoute, checkName, jsonOf, messageOf, optionalName } from './route.js';

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
