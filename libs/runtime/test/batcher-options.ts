import type { BatcherOptions } from '../src/batcher.js';
import { CostModel } from '../src/decide/cost-model.js';

/** A batcher by itself, with one executor that is always free. */
export function batcherOptions(over: Partial<BatcherOptions> = {}): BatcherOptions {
  return {
    batchable: true,
    cost: new CostModel(),
    surroundings: { slots: 1, utilisation: 0, freeInUs: () => 0, others: () => [] },
    preferredBatch: [],
    queueRowsMax: 1_000,
    budgetUs: Number.POSITIVE_INFINITY,
    held: { bytes: 0 },
    wake: () => undefined,
    ...over,
  };
}
