import type { Task } from './exchange.js';

export interface LabelledRows {
  /** Epoch milliseconds, ascending. */
  readonly eventTime: Float64Array;
  readonly label: Float64Array;
}

/**
 * What a model must beat to be worth anything: always the training rows' mean (for classes their share), and for
 * numbers the last value known by then, where a label is known `arrivesWithinMs` after its row.
 */
export function baselinesOf(
  task: Task,
  training: LabelledRows,
  holdout: LabelledRows,
  arrivesWithinMs: number,
): { name: string; predicted: Float64Array }[] {
  const mean = meanOf(training.label);
  const constant = { name: 'constant', predicted: new Float64Array(holdout.label.length).fill(mean) };
  if (task === 'classification') return [constant];
  return [constant, { name: 'last-value', predicted: lastKnown(training, holdout, arrivesWithinMs, mean) }];
}

function meanOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

function lastKnown(
  training: LabelledRows,
  holdout: LabelledRows,
  arrivesWithinMs: number,
  otherwise: number,
): Float64Array {
  const times = [...training.eventTime, ...holdout.eventTime];
  const labels = [...training.label, ...holdout.label];
  let known = -1;
  return holdout.eventTime.map((time) => {
    while (known + 1 < times.length && (times[known + 1] as number) + arrivesWithinMs <= time) known++;
    return known < 0 ? otherwise : (labels[known] as number);
  });
}
