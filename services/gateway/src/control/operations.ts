import { DeadLetterSchema, DecideDeadLetterRequestSchema } from '@perennial/contracts';
import { asPlatformError, notFound } from '@perennial/kernel';
import { inHand } from '../decide/settled.js';
import type { Peers } from '../effects/peers.js';
import type { PlacedModel } from '../fleet/fleet.js';
import type { MemberView } from '../fleet/member.js';
import { type ControlRoute, jsonOf, messageOf } from './route.js';

const askTimeoutMs = 3_000;

export interface ServiceStatus {
  readonly service: string;
  readonly ready: boolean;
  readonly backlog: number;
  readonly dead_letters: number;
  readonly detail: string;
  /** Of the gateway: the replicas of inference that it knows, and where each model is answered. */
  readonly replicas?: readonly MemberView[];
  readonly models?: readonly PlacedModel[];
}

/** How everything does, and what nobody could handle. */
export function operationsRoutes({ operations }: Peers, own: () => ServiceStatus): ControlRoute[] {
  return [
    {
      method: 'GET',
      path: '/v1/status',
      needs: 'inspect',
      answer: async () => {
        const others = await Promise.all([...operations].map(([name, peer]) => statusOf(name, peer)));
        return { services: [...others, own()] };
      },
    },
    {
      method: 'GET',
      path: '/v1/dead-letters',
      needs: 'inspect',
      answer: async ({ query }) => {
        const includeDecided = query['all'] === 'true';
        const lists = await Promise.all(
          [...operations].map(async ([service, peer]) => {
            const { deadLetters } = await peer.listDeadLetters({ includeDecided });
            return deadLetters.map((letter) => ({ service, ...jsonOf(DeadLetterSchema, letter) }));
          }),
        );
        return { dead_letters: lists.flat() };
      },
    },
    {
      method: 'POST',
      path: '/v1/dead-letters/:service/:id',
      needs: 'operate',
      answer: async (request) => {
        const { service = '', id = '' } = request.params;
        const peer = operations.get(service);
        if (!peer) {
          throw notFound(
            'SERVICE_NOT_FOUND',
            `there is no service "${service}"; there are ${[...operations.keys()].join(', ')}`,
            { field: 'service' },
          );
        }
        const fixed = { dead_letter_id: id, decided_by: request.caller.name };
        const message = messageOf(DecideDeadLetterRequestSchema, request, fixed, ['decision', 'reason']);
        const { deadLetter } = await peer.decideDeadLetter(message);
        return { dead_letter: deadLetter && { service, ...jsonOf(DeadLetterSchema, deadLetter) } };
      },
    },
  ];
}

async function statusOf(
  service: string,
  peer: NonNullable<ReturnType<Peers['operations']['get']>>,
): Promise<ServiceStatus> {
  try {
    const options = { timeoutMs: askTimeoutMs };
    const [progress, { deadLetters }] = await Promise.all([
      peer.getProgress({}, options),
      peer.listDeadLetters({}, options),
    ]);
    const detail = progress.work
      .filter(({ count }) => count > 0)
      .map(({ kind, count }) => `${count} ${kind}`)
      .join(', ');
    return { service, ready: true, backlog: inHand(progress), dead_letters: deadLetters.length, detail };
  } catch (thrown) {
    return { service, ready: false, backlog: 0, dead_letters: 0, detail: asPlatformError(thrown).message };
  }
}
