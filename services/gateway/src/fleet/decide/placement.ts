import { Placement } from '@perennial/contracts';

/** What a run of so many rows takes, in microseconds, measured when the model was loaded. */
export interface Cost {
  readonly rows: number;
  readonly microseconds: number;
}

export type Place = 'edge' | 'pool';

/** The batch whose cost decides; it is what a busy gateway gathers in a turn. */
const batchRows = 32;
/** A run at the edge holds up every other request of the process for so long; a hop costs a tenth of it. */
const edgeUsMax = 1_000;
/** Measured at the edge itself it may be somewhat more, so that a model does not move to and fro. */
const edgeUsMaxHere = 2 * edgeUsMax;

/**
 * Where a model should run. `edge` and `pool` are obeyed; otherwise a model of the CPU pool whose batch costs little
 * runs in the gateway. Unknown costs mean the pool.
 */
export function placeOf(o: {
  asked: Placement;
  pool: string;
  costs: readonly Cost[];
  /** What a batch took here lately, in microseconds; undefined where it does not run here. */
  measuredHereUs: number | undefined;
}): Place {
  if (o.asked === Placement.EDGE) return 'edge';
  if (o.asked === Placement.POOL || o.pool !== 'cpu') return 'pool';
  if (o.measuredHereUs !== undefined && o.measuredHereUs > edgeUsMaxHere) return 'pool';
  const cost = batchCostUs(o.costs, batchRows);
  return cost !== undefined && cost < edgeUsMax ? 'edge' : 'pool';
}

/** A batch's cost between the measured sizes, by a straight line; past the largest one it grows with the rows. */
export function batchCostUs(costs: readonly Cost[], rows: number): number | undefined {
  const sorted = [...costs].sort((a, b) => a.rows - b.rows);
  const above = sorted.find((cost) => cost.rows >= rows);
  const below = sorted.filter((cost) => cost.rows <= rows).at(-1);
  if (above && below) {
    if (above.rows === below.rows) return above.microseconds;
    const share = (rows - below.rows) / (above.rows - below.rows);
    return below.microseconds + share * (above.microseconds - below.microseconds);
  }
  if (above) return above.microseconds;
  return below && (below.microseconds * rows) / below.rows;
}
