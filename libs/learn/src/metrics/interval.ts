import { randomFrom } from '../random.js';
import { type Metric, metricOf } from './metrics.js';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Below so many rows a resample says more about chance than about the model. */
const rowsMin = 30;
/** Resamples, fewer where the rows are many (their intervals are narrow anyway); bounds the time to some seconds. */
const resamplesMax = 500;
const resamplesMin = 100;
const drawsMax = 20_000_000;

/**
 * The middle 95 % of the metric over seeded resamples of the rows with replacement (percentile bootstrap), or
 * undefined where the rows do not allow one: too few, or too few resamples in which the metric is defined.
 */
export function bootstrapInterval(
  metric: Metric,
  truth: Float64Array,
  predicted: Float64Array,
  seed: number,
): Interval | undefined {
  const rows = truth.length;
  if (rows < rowsMin) return undefined;
  const resamples = Math.min(resamplesMax, Math.max(resamplesMin, Math.floor(drawsMax / rows)));
  const random = randomFrom(seed);
  const evaluate = metricOf(metric, truth, predicted);
  const counts = new Uint32Array(rows);
  const values: number[] = [];
  for (let resample = 0; resample < resamples; resample++) {
    counts.fill(0);
    for (let draw = 0; draw < rows; draw++) {
      const row = Math.floor(random() * rows);
      counts[row] = (counts[row] as number) + 1;
    }
    const value = evaluate(counts);
    if (Number.isFinite(value)) values.push(value);
  }
  if (values.length < resamples / 2) return undefined;
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] as number;
  return { low: at(0.025), high: at(0.975) };
}
