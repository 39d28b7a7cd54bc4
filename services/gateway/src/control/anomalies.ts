import {
  CheckRowsRequestSchema,
  CheckRowsResponseSchema,
  ListAnomaliesResponseSchema,
  SegmentKind,
} from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import type { Peers } from '../effects/peers.js';
import { type ControlRequest, type ControlRoute, jsonOf, messageOf, numberOf } from './route.js';

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
            kind: kindOf(query),
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
        message.kind = kindOf(request.query);
        return jsonOf(CheckRowsResponseSchema, await validate.checkRows(message, { signal: request.signal }));
      },
    },
  ];
}

/** @throws PlatformError QUERY_INVALID */
function kindOf(query: ControlRequest['query']): SegmentKind {
  const kind = query['kind'] ?? 'rows';
  if (kind !== 'rows' && kind !== 'labels')
    throw invalid('QUERY_INVALID', `kind must be rows or labels, got "${kind}"`, { field: 'kind' });
  return kind === 'labels' ? SegmentKind.LABELS : SegmentKind.ROWS;
}
