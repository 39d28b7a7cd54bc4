import { handler } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { applyFact, type Decider } from '../apply-fact.js';
import type { Db } from '../store.js';

/** What the variants of a system earned: their shares may follow. */
export function rewardRecorded(decider: Decider) {
  return handler({
    consumer: 'registry-reward-recorded',
    event: events.rewardRecorded,
    pace: 'control',
    handle: async ({ event, tx, emit }) => {
      const { system, sinceEpoch, variants } = event.body;
      await applyFact(decider, tx as Db, system, {
        fact: { kind: 'rewarded', sinceEpoch: Number(sinceEpoch), rewards: variants },
        cause: { correlationId: event.correlationId, causationId: event.id },
        emit,
      });
    },
  });
}
