import {
  CollectGarbageRequestSchema,
  CollectGarbageResponseSchema,
  EraseKeyRequestSchema,
  EraseKeyResponseSchema,
  ListErasuresResponseSchema,
} from '@perennial/contracts';
import type { Peers } from '../effects/peers.js';
import { gatewayLimits } from '../limits.js';
import { askedBy, type ControlRequest, type ControlRoute, jsonOf, messageOf } from './route.js';

/** What deletes: garbage, and what belongs to one key. */
export function garbageRoutes({ datasets }: Pick<Peers, 'datasets'>): ControlRoute[] {
  const long = ({ signal }: ControlRequest) => ({ timeoutMs: gatewayLimits.exportTimeoutMs, signal });
  return [
    {
      method: 'POST',
      path: '/v1/garbage/collect',
      needs: 'administer',
      answer: async (request) => {
        const message = messageOf(CollectGarbageRequestSchema, request);
        return jsonOf(CollectGarbageResponseSchema, await datasets.collectGarbage(message, long(request)));
      },
    },
    {
      method: 'POST',
      path: '/v1/erasures',
      needs: 'administer',
      answer: async (request) => {
        const by = askedBy(request, 'requested_by');
        const message = messageOf(EraseKeyRequestSchema, request, by, ['column', 'value']);
        return jsonOf(EraseKeyResponseSchema, await datasets.eraseKey(message, long(request)));
      },
    },
    {
      method: 'GET',
      path: '/v1/erasures',
      needs: 'inspect',
      answer: async () => jsonOf(ListErasuresResponseSchema, await datasets.listErasures({})),
    },
  ];
}
