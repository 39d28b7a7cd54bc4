import {
  GetCheckpointResponseSchema,
  GetLineageResponseSchema,
  GetProofResponseSchema,
  ListEventsResponseSchema,
  VerifyResponseSchema,
  WhyResponseSchema,
} from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import type { Peers } from '../effects/peers.js';
import { gatewayLimits } from '../limits.js';
import { type ControlRequest, type ControlRoute, jsonOf, numberOf } from './route.js';

const listedMax = 1_000;

/** The log, and what it explains. */
export function evidenceRoutes({ audit }: Peers): ControlRoute[] {
  return [
    {
      method: 'GET',
      path: '/v1/audit/verify',
      needs: 'audit',
      answer: async ({ signal }) =>
        jsonOf(
          VerifyResponseSchema,
          await audit.verify({}, { timeoutMs: gatewayLimits.exportTimeoutMs, signal }),
        ),
    },
    {
      method: 'GET',
      path: '/v1/audit/checkpoint',
      needs: 'audit',
      answer: async () => jsonOf(GetCheckpointResponseSchema, await audit.getCheckpoint({})),
    },
    {
      method: 'GET',
      path: '/v1/audit/proof/:eventId',
      needs: 'audit',
      answer: async ({ params }) =>
        jsonOf(GetProofResponseSchema, await audit.getProof({ eventId: params['eventId'] ?? '' })),
    },
    {
      method: 'GET',
      path: '/v1/audit/events',
      needs: 'audit',
      answer: async (request) => jsonOf(ListEventsResponseSchema, await listEvents(audit, request)),
    },
    {
      method: 'GET',
      path: '/v1/why',
      needs: 'inspect',
      answer: async ({ query }) =>
        jsonOf(WhyResponseSchema, await audit.why({ subject: subjectOf(query['subject']) })),
    },
    {
      method: 'GET',
      path: '/v1/lineage',
      needs: 'inspect',
      answer: async ({ query }) =>
        jsonOf(GetLineageResponseSchema, await audit.getLineage({ subject: subjectOf(query['subject']) })),
    },
  ];
}

/** From an index on; where none is given, the last ones. */
export async function listEvents(
  audit: Peers['audit'],
  { query }: Pick<ControlRequest, 'query'>,
): ReturnType<Peers['audit']['listEvents']> {
  const limit = numberOf(query, 'limit', { fallback: 50, max: listedMax });
  const filters = {
    typePrefix: query['type_prefix'] ?? '',
    subjectContains: query['subject_contains'] ?? '',
  };
  if (query['after_index'] !== undefined) {
    const after = numberOf(query, 'after_index', { fallback: 0, max: Number.MAX_SAFE_INTEGER });
    return audit.listEvents({ afterIndex: BigInt(after), limit, ...filters });
  }
  const { size } = await audit.listEvents({ afterIndex: 0n, limit: 1 });
  const from = size > BigInt(limit) ? size - BigInt(limit) : 0n;
  return audit.listEvents({ afterIndex: from, limit, ...filters });
}

function subjectOf(text: string | undefined): string {
  if (text && text.length <= 200) return text;
  throw invalid(
    'QUERY_INVALID',
    'subject must be a text of at most 200 characters, for example subject=model seattle-temperature@champion',
    { field: 'subject' },
  );
}
