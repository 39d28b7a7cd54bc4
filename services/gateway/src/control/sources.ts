import {
  ApplySourceResponseSchema,
  GetSchemaResponseSchema,
  GetSourceResponseSchema,
  ListSourcesResponseSchema,
} from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import type { Peers } from '../effects/peers.js';
import { type ControlRoute, jsonOf, kindIn } from './route.js';

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
      method: 'POST',
      path: '/v1/sources',
      needs: 'operate',
      answer: async ({ text, query, caller }) => {
        if (text.trim() === '')
          throw invalid('BODY_INVALID', 'the body must be the text of a document of kind Source', {
            field: 'body',
          });
        const dryRun = query['dry-run'] === 'true';
        const answer = await ingest.applySource({ documentYaml: text, dryRun, appliedBy: caller.name });
        return jsonOf(ApplySourceResponseSchema, answer);
      },
    },
    {
      method: 'GET',
      path: '/v1/sources/:source',
      needs: 'inspect',
      answer: async ({ params }) =>
        jsonOf(GetSourceResponseSchema, await ingest.getSource({ source: params['source'] ?? '' })),
    },
    {
      method: 'GET',
      path: '/v1/sources/:source/schema',
      needs: 'inspect',
      answer: async ({ params, query }) => {
        const kind = kindIn(query);
        return jsonOf(
          GetSchemaResponseSchema,
          await validate.getSchema({ source: params['source'] ?? '', kind }),
        );
      },
    },
  ];
}
