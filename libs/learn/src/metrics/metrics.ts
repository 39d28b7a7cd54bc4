/** How good predictions are; the gate's metric is one of them. */
export const metricNames = ['mae', 'rmse', 'r2', 'auc', 'accuracy', 'f1', 'logloss'] as const;
export type Metric = (typeof metricNames)[number];

/** How often each row counts, for resampling; left out: once. */
export type Weights = ArrayLike<number>;

/** Probabilities from here up say "yes" for accuracy and f1. */
const positiveFrom = 0.5;
/** Keeps the logarithm of a probability of exactly 0 or 1 finite. */
const probabilityMin = 1e-15;

/**
 * The metric as a function of row weights. NaN where it is not defined: no rows, r2 of constant truths, auc of one
 * class. Classification truths are 0 or 1, predictions the probability of 1.
 */
export function metricOf(
  metric: Metric,
  truth: Float64Array,
  predicted: Float64Array,
): (weights?: Weights) => number {
  switch (metric) {
    case 'mae':
      return mean(truth, predicted, (y, p) => Math.abs(y - p));
    case 'rmse': {
      const squared = mean(truth, predicted, (y, p) => (y - p) ** 2);
      return (weights) => Math.sqrt(squared(weights));
    }
    case 'r2':
      return r2(truth, predicted);
    case 'auc':
      return auc(truth, predicted);
    case 'accuracy':
      return mean(truth, predicted, (y, p) => (p >= positiveFrom === (y === 1) ? 1 : 0));
    case 'f1':
      return f1(truth, predicted);
    case 'logloss':
      return mean(truth, predicted, (y, p) => {
        const bounded = Math.min(1 - probabilityMin, Math.max(probabilityMin, p));
        return y === 1 ? -Math.log(bounded) : -Math.log1p(-bounded);
      });
  }
}

/** The metric over all rows. */
export function score(metric: Metric, truth: Float64Array, predicted: Float64Array): number {
  return metricOf(metric, truth, predicted)();
}

function mean(
  truth: Float64Array,
  predicted: Float64Array,
  each: (truth: number, predicted: number) => number,
): (weights?: Weights) => number {
  const terms = truth.map((value, row) => each(value, predicted[row] as number));
  return (weights) => {
    let sum = 0;
    let rows = 0;
    for (let row = 0; row < terms.length; row++) {
      const weight = weights ? (weights[row] as number) : 1;
      sum += weight * (terms[row] as number);
      rows += weight;
    }
    return rows > 0 ? sum / rows : Number.NaN;
  };
}

function r2(truth: Float64Array, predicted: Float64Array): (weights?: Weights) => number {
  const average = mean(truth, predicted, (y) => y);
  const unexplained = mean(truth, predicted, (y, p) => (y - p) ** 2);
  return (weights) => {
    const centre = average(weights);
    const all = mean(truth, predicted, (y) => (y - centre) ** 2)(weights);
    return all > 0 ? 1 - unexplained(weights) / all : Number.NaN;
  };
}

/** The share of pairs of a 1 and a 0 in which the 1 has the larger prediction; ties count half. */
function auc(truth: Float64Array, predicted: Float64Array): (weights?: Weights) => number {
  const order = Uint32Array.from(predicted.keys()).sort(
    (a, b) => (predicted[a] as number) - (predicted[b] as number),
  );
  return (weights) => {
    let positives = 0;
    let negatives = 0;
    let pairs = 0;
    for (let at = 0; at < order.length; ) {
      const value = predicted[order[at] as number];
      let tiedPositives = 0;
      let tiedNegatives = 0;
      for (; at < order.length && predicted[order[at] as number] === value; at++) {
        const row = order[at] as number;
        const weight = weights ? (weights[row] as number) : 1;
        if (truth[row] === 1) tiedPositives += weight;
        else tiedNegatives += weight;
      }
      pairs += tiedPositives * (negatives + tiedNegatives / 2);
      positives += tiedPositives;
      negatives += tiedNegatives;
    }
    return positives > 0 && negatives > 0 ? pairs / (positives * negatives) : Number.NaN;
  };
}

/** Of the positive class. 0 where nothing was found; NaN where there was nothing to find and nothing claimed. */
function f1(truth: Float64Array, predicted: Float64Array): (weights?: Weights) => number {
  return (weights) => {
    let hits = 0;
    let claimed = 0;
    let actual = 0;
    for (let row = 0; row < truth.length; row++) {
      const weight = weights ? (weights[row] as number) : 1;
      const isClaimed = (predicted[row] as number) >= positiveFrom;
      if (isClaimed) claimed += weight;
      if (truth[row] === 1) actual += weight;
      if (isClaimed && truth[row] === 1) hits += weight;
    }
    return claimed + actual > 0 ? (2 * hits) / (claimed + actual) : Number.NaN;
  };
}
