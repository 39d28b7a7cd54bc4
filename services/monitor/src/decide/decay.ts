import { blockJackknifeError, exceedanceP } from '@perennial/stats';
import { lossOf, metricOf, type Scored } from './metric.js';

export interface DecayFound {
  readonly metric: string;
  readonly value: number;
  readonly baseline: number;
  readonly rows: number;
  /** How much larger the loss is than the baseline's: 0.3 is 30 % worse. */
  readonly worseBy: number;
  /** The chance of a window this bad if the model were as good as at promotion. */
  readonly p: number;
  readonly decayed: boolean;
}

/**
 * A window this much worse by chance once in twenty is enough to look at the data: a review costs little, the gate
 * judges the candidate anyway, and every day of waiting is a day of bad answers.
 */
export const decayLevel = 0.05;
/** Blocks of neighbours for the error of the window's metric: rows of a day or a batch err together. */
const blocksMax = 20;

/**
 * Is the window worse than the model was at promotion by more than is allowed, and by more than the window's own
 * scatter explains? The second question keeps small windows with one bad row quiet.
 */
export function judgeDecay(
  { metric, worseThan }: { metric: string; worseThan: number },
  window: readonly Scored[],
  baseline: number,
): DecayFound {
  const value = metricOf(metric, window);
  const [loss, expected] = [lossOf(metric, value), lossOf(metric, baseline)];
  const worseBy = expected > 0 ? loss / expected - 1 : loss > 0 ? Number.POSITIVE_INFINITY : 0;
  const isWorse = worseBy > worseThan;
  const p = isWorse ? chanceOf(metric, window, loss, expected) : 1;
  return {
    metric,
    value,
    baseline,
    rows: window.length,
    worseBy: Number.isFinite(worseBy) ? worseBy : 0,
    p,
    decayed: isWorse && p <= decayLevel,
  };
}

function chanceOf(metric: string, window: readonly Scored[], loss: number, expected: number): number {
  const blocks = Math.min(window.length, blocksMax);
  const error = blockJackknifeError(window.length, blocks, (from, to) =>
    lossOf(metric, metricOf(metric, [...window.slice(0, from), ...window.slice(to)])),
  );
  return exceedanceP(loss, expected, error, blocks - 1);
}
