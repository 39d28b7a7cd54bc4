/** Metrics where more is better; all of them end at 1. */
const higherIsBetter = new Set(['auc', 'accuracy', 'f1', 'precision', 'recall', 'r2']);

/**
 * What a metric's value leaves to be desired: the value itself where less is better (mae, rmse, log-loss, brier), and
 * what is missing to 1 where more is better. "5 % better" then means the same for all: 5 % less of this.
 */
export function lossOf(metric: string, value: number): number {
  return higherIsBetter.has(metric) ? 1 - value : value;
}

/** The end of an interval with the larger loss. */
export function worstLossOf(metric: string, low: number, high: number): number {
  return Math.max(lossOf(metric, low), lossOf(metric, high));
}

/** A value for a sentence: at most four significant digits. */
export function show(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value);
}

/** A share for a sentence: `5 %`. */
export function showShare(share: number): string {
  return `${show(share * 100)} %`;
}
