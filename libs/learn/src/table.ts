import { invalid } from '@perennial/kernel';
import type { Column } from '@perennial/onnx';
import type { Encode } from './encode/kinds.js';

export type Task = 'regression' | 'classification';

/** Training rows as columns: numbers with NaN for missing, texts with '' for missing. */
export interface TrainingTable {
  /** Feature names in the model's order. */
  readonly features: readonly string[];
  readonly columns: Readonly<Record<string, Column>>;
  /** One a row, finite; 0 or 1 for classification. */
  readonly label: Float64Array;
  /** What was declared, by feature; the others are encoded as the trainer sees fit. */
  readonly encodings?: Readonly<Record<string, Encode>>;
}

/** The one output's name, so no feature may have it. */
export const outputName = 'prediction';

/**
 * Refuses what cannot be trained on.
 *
 * @throws PlatformError FEATURES_INVALID, LABEL_INVALID, TRAINING_ROWS_TOO_FEW
 */
export function checkTable({ features, columns, label }: TrainingTable, task: Task): void {
  if (features.length === 0)
    throw invalid('FEATURES_INVALID', 'features: there are none', { field: 'features' });
  if (new Set(features).size !== features.length || features.includes(outputName)) {
    throw invalid('FEATURES_INVALID', `features: names must differ, and none may be "${outputName}"`, {
      field: 'features',
    });
  }
  for (const name of features) {
    const column = columns[name];
    if (column?.length !== label.length) {
      const found = column === undefined ? 'no column' : `${column.length} values`;
      throw invalid('FEATURES_INVALID', `features.${name}: ${found} for ${label.length} rows`, {
        field: `features.${name}`,
      });
    }
  }
  if (label.length < 2) {
    throw invalid('TRAINING_ROWS_TOO_FEW', `${label.length} training rows; at least 2 are needed`);
  }
  const isWrong = task === 'classification' ? (value: number) => value !== 0 && value !== 1 : isNotFinite;
  const row = label.findIndex(isWrong);
  if (row >= 0) {
    const must = task === 'classification' ? '0 or 1 (false or true)' : 'a finite number';
    throw invalid('LABEL_INVALID', `label: row ${row} has ${label[row]}; every label must be ${must}`, {
      field: 'label',
    });
  }
}

const isNotFinite = (value: number): boolean => !Number.isFinite(value);
