import type { CostModel } from './cost-model.js';

/**
 * Microseconds until a request is answered that comes behind `rowsAhead` rows, with `slots` executors, of which the
 * soonest is free in `freeInUs`. Other models, with so many microseconds of work waiting each, take turns with it.
 */
export function answerInUs(
  cost: CostModel,
  o: {
    rows: number;
    rowsAhead: number;
    rowsMax: number;
    slots: number;
    freeInUs: number;
    others: readonly number[];
  },
): number {
  const batchesAhead = Math.ceil(o.rowsAhead / o.rowsMax);
  const aheadUs = batchesAhead * cost.a + o.rowsAhead * cost.b;
  const ownUs = Math.ceil(o.rows / o.rowsMax) * cost.a + o.rows * cost.b;
  // Taking turns, none of them gets more than this one until it is done.
  let othersUs = 0;
  for (const otherUs of o.others) othersUs += Math.min(otherUs, aheadUs + ownUs);
  return o.freeInUs + (aheadUs + othersUs) / o.slots + ownUs;
}
