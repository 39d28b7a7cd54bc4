import { areaUnderCurve } from '@perennial/stats';

/** An answer beside the truth; for classification the answer is the probability of the positive class, the label 0 or 1. */
export interface Scored {
  readonly label: number;
  readonly answer: number;
}

/** Metrics where more is better; all of them end at 1. */
const higherIsBetter = new Set(['r2', 'auc', 'accuracy', 'f1']);
/** No answer is certain enough to be infinitely wrong. */
const probabilityMin = 1e-15;

/** The metric over the rows; NaN where it is not defined (no rows, one class only, labels that do not vary). */
export function metricOf(metric: string, rows: readonly Scored[]): number {
  switch (metric) {
    case 'mae':
      return average(rows, ({ label, answer }) => Math.abs(answer - label));
    case 'rmse':
      return Math.sqrt(average(rows, squared));
    case 'r2':
      return determination(rows);
    case 'auc':
      return areaUnderCurve(
        rows.map(({ answer }) => answer),
        rows.map(({ label }) => label > 0.5),
      );
    case 'accuracy':
      return average(rows, ({ label, answer }) => (answer >= 0.5 === label > 0.5 ? 1 : 0));
    case 'f1':
      return harmonic(rows);
    case 'logloss':
      return average(rows, ({ label, answer }) => {
        const p = Math.min(1 - probabilityMin, Math.max(probabilityMin, answer));
        return -Math.log(label > 0.5 ? p : 1 - p);
      });
    default:
      return Number.NaN;
  }
}

/**
 * What a value leaves to be desired: itself where less is better, what is missing to 1 where more is better. The
 * registry's gate reads "5 % better" in the same way.
 */
export function lossOf(metric: string, value: number): number {
  return higherIsBetter.has(metric) ? 1 - value : value;
}

function average(rows: readonly Scored[], of: (row: Scored) => number): number {
  return rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
}

function squared({ label, answer }: Scored): number {
  return (answer - label) ** 2;
}

function determination(rows: readonly Scored[]): number {
  const centre = average(rows, ({ label }) => label);
  const spread = average(rows, ({ label }) => (label - centre) ** 2);
  return spread > 0 ? 1 - average(rows, squared) / spread : Number.NaN;
}

function harmonic(rows: readonly Scored[]): number {
  let hits = 0;
  let misses = 0;
  for (const { label, answer } of rows) {
    if (answer >= 0.5 && label > 0.5) hits++;
    else if (answer >= 0.5 || label > 0.5) misses++;
  }
  return hits + misses === 0 ? Number.NaN : (2 * hits) / (2 * hits + misses);
}
