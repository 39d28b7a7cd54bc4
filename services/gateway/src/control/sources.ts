import { GetSchemaResponseSchema, ListSourcesResponseSchema, SegmentKind } from '@perennial/contracts';
import type { Peers } from '../effects/peers.js';
import { type ControlRoute, jsonOf } from './route.js';

/** What rows come from, and what their columns are. */
export function sourceRoutes({ ingest, validate }: Pick<Peers, 'ingest' | 'validate'>): ControlRoute[] {
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
  ];
}
