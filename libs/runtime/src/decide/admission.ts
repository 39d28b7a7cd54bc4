import type { CostModel } from './cost-model.js';

/**
 * Microseconds until a request is answered that comes behind `rowsAhead` rows, with `slots` executors, of which the
 * soonest is free in `freeInUs`. Other models, with so many microseconds of work waiting each, take turns with it.
 */
export function answerInUs(
  cost: CostModel,
  o: {
    rows: number;
    /** Rows that arrive in a second. */
    rowsPerSecond: number;
    rowsAhead: number;
    rowsMax: number;
    slots: number;
    freeInUs: number;
    others: readonly number[];
  },
): number {
  // What is left of the rows ahead after full batches runs together with its own.
  const batchesAhead = Math.ceil((o.rowsAhead + o.rows) / o.rowsMax) - 1;
  const aheadUs = batchesAhead * cost.predict(o.rowsMax);
  const together = o.rowsAhead + o.rows - batchesAhead * o.rowsMax;
  // Taking turns, no other model gets more than this one until it is done.
  let othersUs = 0;
  for (const otherUs of o.others) othersUs += Math.min(otherUs, aheadUs + cost.predict(together));
  const waitUs = o.freeInUs + (aheadUs + othersUs) / o.slots;
  // While it waits, others come that will run with it.
  const joining = Math.max(0, Math.min(o.rowsMax - together, (o.rowsPerSecond * waitUs) / 1e6));
  return waitUs + cost.predict(together + joining);
}
