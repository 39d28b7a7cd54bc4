import type { CostModel } from './cost-model.js';

/** A batch may take this many times a single row: beyond, others wait longer for little. */
const timesSingle = 10;

/**
 * Rows of one run at most: as many as take ten times a single row, half of what requests allow, or the budget, and
 * never more than `cap`.
 */
export function rowsMaxOf(
  cost: CostModel,
  { cap, allowedUs, budgetUs }: { cap: number; allowedUs: number; budgetUs: number },
): number {
  if (!cost.isKnown || cost.b === 0) return cap;
  const limitUs = Math.min(timesSingle * cost.predict(1), allowedUs / 2, budgetUs);
  return Math.max(1, Math.min(cap, Math.floor((limitUs - cost.a) / cost.b)));
}

/** The largest preferred size that waits, or all that may run at once where there is none. */
export function rowsToTake(waiting: number, rowsMax: number, preferred: readonly number[]): number {
  let best = 0;
  for (const rows of preferred) if (rows <= waiting && rows <= rowsMax && rows > best) best = rows;
  return best > 0 ? best : rowsMax;
}

/** Predictions are right to some percent. */
const margin = 1.05;

/** How many rows may run together so that they are done in `leftUs`; 0 where not even `rows` are. */
export function rowsWithin(cost: CostModel, leftUs: number, rows: number): number {
  if (leftUs <= 0) return 0;
  if (cost.b === 0) return leftUs >= cost.a ? Number.POSITIVE_INFINITY : 0;
  const fit = Math.floor((leftUs / margin - cost.a) / cost.b);
  return fit >= rows ? fit : 0;
}
