import { mean, quantileSorted, standardDeviation } from '@perennial/stats';
import type { FeatureReference, LabelledRow, WatchSettings } from '../../src/decide/model.js';
import type { Watch } from '../../src/decide/watch.js';

export const dayMs = 86_400_000;
export const start = Date.UTC(2012, 3, 1);

export const settings: WatchSettings = {
  system: 's',
  source: 'weather',
  metric: 'mae',
  windowRows: 10,
  falseAlarmsPerWindow: 0.001,
  worseThan: 0.3,
};

/** The row of a day, answered with `error` too much. */
export function row(day: number, error: number, feature: number | string | null = day % 3): LabelledRow {
  return {
    eventTime: start + day * dayMs,
    identity: '[]',
    label: 10,
    answer: 10 + error,
    features: { feature },
  };
}

/** `count` days from `from` on, erring by `size` to both sides in turn. */
export function days(from: number, count: number, size: number): LabelledRow[] {
  return Array.from({ length: count }, (_, at) => row(from + at, at % 2 ? size : -size));
}

export function watch(version = 1, startEpoch = 1): Watch {
  return { version, startEpoch, rows: 0, lastReview: undefined, ownBaseline: undefined };
}

/** Numbers that look random and are the same in every run. */
export function normals(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return (state + 0.5) / 4_294_967_296;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** A stationary series with mean 0 and sd 1, neighbours correlated by `phi`. */
export function autoregressive(next: () => number, length: number, phi: number): number[] {
  const values = [next()];
  while (values.length < length) {
    values.push(phi * (values.at(-1) as number) + Math.sqrt(1 - phi * phi) * next());
  }
  return values;
}

export function profile(values: readonly number[]): FeatureReference {
  const sorted = Float64Array.from(values).sort();
  return {
    kind: 'number',
    quantiles: Array.from({ length: 101 }, (_, at) => quantileSorted(sorted, at / 100)),
    mean: mean(values),
    sd: standardDeviation(values),
    missing: 0,
  };
}
