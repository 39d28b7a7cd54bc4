import {
  CheckRowsRequestSchema,
  CheckRowsResponseSchema,
  ListAnomaliesResponseSchema,
} from '@perennial/contracts';
import type { Peers } from '../effects/peers.js';
import { type ControlRoute, jsonOf, kindIn, messageOf, numberOf } from './route.js';

const limitMax = 1_000;

/** What is odd about the rows of a source. */
export function anomalyRoutes({ validate }: Pick<Peers, 'validate'>): ControlRoute[] {
  return [
    {
      method: 'GET',
      path: '/v1/sources/:source/anomalies',
      needs: 'inspect',
      answer: async ({ params, query }) =>
        jsonOf(
          ListAnomaliesResponseSchema,
          await validate.listAnomalies({
            source: params['source'] ?? '',
            kind: kindIn(query),
            type: query['type'] ?? '',
            limit: numberOf(query, 'limit', { fallback: 0, max: limitMax }),
            beforeAnomalyId: query['before'] ?? '',
          }),
        ),
    },
    {
      method: 'POST',
      path: '/v1/sources/:source/check',
      needs: 'inspect',
      answer: async (request) => {
        const message = messageOf(CheckRowsRequestSchema, request, {}, ['rows']);
        message.source = request.params['source'] ?? '';
        message.kind = kindIn(request.query);
        return jsonOf(CheckRowsResponseSchema, await validate.checkRows(message, { signal: request.signal }));
      },
    },
  ];
}
