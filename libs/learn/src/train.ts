import { invalid } from '@perennial/kernel';
import { trainGbdt } from './gbdt/train-gbdt.js';
import { trainLinear } from './linear/train-linear.js';
import type { Trained, TrainOptions } from './model.js';
import { checkTable } from './table.js';

const trainers: Readonly<Record<string, (options: TrainOptions) => Trained>> = {
  gbdt: trainGbdt,
  linear: trainLinear,
};

/**
 * Trains a model. Computes on the calling thread until it is done.
 *
 * @throws PlatformError TRAINER_UNKNOWN, PARAMETER_*, FEATURES_INVALID, LABEL_INVALID, TRAINING_ROWS_TOO_FEW
 */
export function train(trainer: string, options: TrainOptions): Trained {
  const run = Object.hasOwn(trainers, trainer) ? trainers[trainer] : undefined;
  if (!run) {
    throw invalid(
      'TRAINER_UNKNOWN',
      `train.trainer: "${trainer}"; known are ${Object.keys(trainers).join(', ')}`,
      {
        field: 'train.trainer',
      },
    );
  }
  checkTable(options.table, options.task);
  return run(options);
}
