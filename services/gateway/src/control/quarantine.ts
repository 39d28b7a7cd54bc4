import {
  GetQuarantineResponseSchema,
  ListQuarantineResponseSchema,
  RepairQuarantineRequestSchema,
  RepairQuarantineResponseSchema,
} from '@perennial/contracts';
import type { Peers } from '../effects/peers.js';
import { gatewayLimits } from '../limits.js';
import { askedBy, type ControlRoute, jsonOf, messageOf, optionalName } from './route.js';

/** Rows that were held back. */
export function quarantineRoutes({ validate }: Pick<Peers, 'validate'>): ControlRoute[] {
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
