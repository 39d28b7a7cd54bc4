import {
  DiscardQuarantineRequestSchema,
  DiscardQuarantineResponseSchema,
  GetQuarantineResponseSchema,
  ListQuarantineResponseSchema,
  ReleaseQuarantineRequestSchema,
  ReleaseQuarantineResponseSchema,
  RepairQuarantineRequestSchema,
  RepairQuarantineResponseSchema,
  RevalidateQuarantineRequestSchema,
  RevalidateQuarantineResponseSchema,
} from '@perennial/contracts';
import type { Peers } from '../effects/peers.js';
import { gatewayLimits } from '../limits.js';
import { askedBy, type ControlRequest, type ControlRoute, jsonOf, messageOf, optionalName } from './route.js';

type Validate = Pick<Peers, 'validate'>;

/** Rows that were held back. */
export function quarantineRoutes({ validate }: Validate): ControlRoute[] {
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
    ...decisionRoutes({ validate }),
  ];
}

/** What becomes of held rows. */
function decisionRoutes({ validate }: Validate): ControlRoute[] {
  const patient = (request: ControlRequest) => ({
    timeoutMs: gatewayLimits.exportTimeoutMs,
    signal: request.signal,
  });
  return [
    {
      method: 'POST',
      path: '/v1/quarantine/repair',
      needs: 'operate',
      answer: async (request) => {
        const by = askedBy(request, 'repaired_by');
        const message = messageOf(RepairQuarantineRequestSchema, request, by, ['column', 'expression']);
        const answer = await validate.repairQuarantine(message, patient(request));
        return jsonOf(RepairQuarantineResponseSchema, answer);
      },
    },
    {
      method: 'POST',
      path: '/v1/quarantine/revalidate',
      needs: 'operate',
      answer: async (request) => {
        const by = askedBy(request, 'revalidated_by');
        const message = messageOf(RevalidateQuarantineRequestSchema, request, by);
        const answer = await validate.revalidateQuarantine(message, patient(request));
        return jsonOf(RevalidateQuarantineResponseSchema, answer);
      },
    },
    {
      method: 'POST',
      path: '/v1/quarantine/release',
      needs: 'operate',
      answer: async (request) => {
        const by = askedBy(request, 'released_by');
        const message = messageOf(ReleaseQuarantineRequestSchema, request, by, ['reason']);
        const answer = await validate.releaseQuarantine(message, patient(request));
        return jsonOf(ReleaseQuarantineResponseSchema, answer);
      },
    },
    {
      method: 'POST',
      path: '/v1/quarantine/discard',
      needs: 'operate',
      answer: async (request) => {
        const by = askedBy(request, 'discarded_by');
        const message = messageOf(DiscardQuarantineRequestSchema, request, by, ['reason']);
        const answer = await validate.discardQuarantine(message, patient(request));
        return jsonOf(DiscardQuarantineResponseSchema, answer);
      },
    },
  ];
}
