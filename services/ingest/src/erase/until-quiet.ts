import { waitFor } from '@perennial/kernel';
import type { Operations } from '../garbage/ask-services.js';

/** Under steady traffic nothing is ever quiet; what a pass misses then, the next one finds. */
const withinMs = 20_000;

/** Waits until no service has data in hand that it read before, or for a while. */
export async function untilQuiet(operations: Operations): Promise<void> {
  await waitFor('the platform to be quiet', () => isQuiet(operations), { withinMs, everyMs: 100 }).catch(
    () => {},
  );
}

async function isQuiet(operations: Operations): Promise<boolean> {
  for (const service of operations.values()) {
    const { consumers, outboxUnpublished } = await service.getProgress({});
    const isData = ({ stream }: { stream: string }) => stream === 'ROWS' || stream === 'DATA';
    const open = consumers
      .filter(isData)
      .reduce((sum, one) => sum + Number(one.pending) + one.unacknowledged, outboxUnpublished);
    if (open > 0) return false;
  }
  return true;
}
