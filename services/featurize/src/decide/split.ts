import type { System } from '@perennial/spec';

/** What is known of the labelled rows of a span before it is split. */
export interface Labelled {
  /** Verified rows of the source, and those of them in the span. */
  readonly rows: number;
  readonly rowsInSpan: number;
  readonly labelledInSpan: number;
  /** Distinct labels among those that would be trained on; 3 stands for more. */
  readonly labelsInTraining: number;
  /** Columns that features name and no row has. */
  readonly absent: readonly string[];
}

/** Why a training set cannot be made, with the numbers; undefined where it can. */
export function refusalOf(
  { gate, label, source, train }: System,
  { rows, rowsInSpan, labelledInSpan, labelsInTraining, absent }: Labelled,
  trainingRowsMin: number,
): string | undefined {
  const span = 'from' in train.on ? ` from ${train.on.from} to before ${train.on.to}` : '';
  if (rows === 0) return `source ${source.name} has no verified row yet`;
  if (absent.length > 0) {
    return `none of the ${rows} verified rows of ${source.name} has the column ${absent.map((name) => `"${name}"`).join(', ')} that a feature names`;
  }
  const training = labelledInSpan - gate.holdOutRows;
  if (training < trainingRowsMin) {
    return (
      `${labelledInSpan} of the ${rowsInSpan} verified rows${span} have a label ("${label.name}"); ` +
      `the hold-out takes the last ${gate.holdOutRows} and at least ${trainingRowsMin} must remain for training`
    );
  }
  if (label.task === 'classification' && labelsInTraining !== 2) {
    const found = labelsInTraining > 2 ? 'more than two values' : 'one value only';
    return `the label "${label.name}" has ${found} in the ${training} rows for training; a classification needs 0 and 1`;
  }
  return undefined;
}
