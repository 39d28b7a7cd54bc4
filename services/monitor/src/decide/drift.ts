import {
  categoryCorrelation,
  chiSquareTwoSample,
  effectiveSize,
  holm,
  ksToQuantiles,
  ksUpper,
  mean,
  serialCorrelation,
  studentUpper,
  totalVariation,
  wassersteinNormed,
  wassersteinToQuantiles,
} from '@perennial/stats';
import type { FeatureReference, FeatureValue, Reference } from './model.js';

export interface FeatureDriftFound {
  readonly feature: string;
  /** Which test said most: ks, mean, missing or chi-square. */
  readonly statistic: string;
  readonly value: number;
  readonly pAdjusted: number;
  /** Wasserstein over the reference's sd, or total variation. */
  readonly effect: number;
  readonly drifted: boolean;
  /** For sentences. */
  readonly says: string;
}

type Features = Readonly<Record<string, FeatureValue>>;

/** No text of a row looks like this. */
const uncommon = '\u0000uncommon';

/** A difference smaller than this is none, however sure it is: a tenth of a standard deviation, or of the rows. */
const effectMin = 0.1;

interface Tested {
  readonly statistic: string;
  readonly value: number;
  readonly p: number;
  readonly effect: number;
  readonly says: string;
}

/**
 * Each feature of the window against the training rows. The promise: where nothing changed, a window reports any
 * drift at all at most in a share `level` of windows. Holm's adjustment answers for the number of features, and the
 * effective number of rows for their dependence in time, which is estimated from the last windows (`recent`, the
 * current one last) under the assumption that it fades geometrically.
 */
export function judgeDrift(
  reference: Reference,
  recent: readonly (readonly Features[])[],
  level: number,
): FeatureDriftFound[] {
  const names = Object.keys(reference.features);
  const tests = names.map((name) => {
    const feature = reference.features[name] as FeatureReference;
    const windows = recent.map((window) => window.map((features) => features[name] ?? null));
    return feature.kind === 'number'
      ? testNumber(feature, reference.rows, windows)
      : testText(feature, reference.rows, windows);
  });
  const adjusted = holm(tests.map(({ p }) => p));
  return names.map((feature, at) => {
    const { statistic, value, effect, says } = tests[at] as Tested;
    const pAdjusted = adjusted[at] as number;
    const drifted = pAdjusted <= level && effect >= effectMin;
    return { feature, statistic, value, pAdjusted, effect, drifted, says };
  });
}

type NumberReference = Extract<FeatureReference, { kind: 'number' }>;
type TextReference = Extract<FeatureReference, { kind: 'text' }>;

function testNumber(reference: NumberReference, rows: number, windows: FeatureValue[][]): Tested {
  const numbers = windows.map((window) => window.filter(isNumber));
  const current = numbers.at(-1) ?? [];
  const missing = testMissing(reference.missing, rows, windows.at(-1) ?? [], current.length);
  const known = rows * (1 - reference.missing);
  if (current.length === 0 || known < 1 || reference.quantiles.length < 2) return missing;
  const correlation = serialCorrelation(numbers);
  const [n, m] = [effectiveSize(current.length, correlation), effectiveSize(known, correlation)];
  const sorted = Float64Array.from(current).sort();
  const centre = mean(current);
  const effect = wassersteinNormed(
    wassersteinToQuantiles(sorted, reference.quantiles),
    Math.max(reference.sd, 1e-9 * Math.abs(reference.mean)),
  );
  const says = `mean ${round(centre)} against ${round(reference.mean)} in training, ${round(effect)} standard deviations away`;
  const distance = ksToQuantiles(sorted, reference.quantiles);
  const location = Math.abs(centre - reference.mean) / (reference.sd * Math.sqrt(1 / n + 1 / m));
  const candidates: Tested[] = [
    { statistic: 'ks', value: distance, p: ksUpper(distance, (n * m) / (n + m)), effect, says },
    {
      statistic: 'mean',
      value: location,
      // The scatter is the reference's: its effective rows are the degrees of freedom.
      p: reference.sd > 0 ? Math.min(1, 2 * studentUpper(location, Math.max(1, m - 1))) : 1,
      effect,
      says,
    },
    missing,
  ];
  return strongest(candidates);
}

function testText(reference: TextReference, rows: number, windows: FeatureValue[][]): Tested {
  const texts = windows.map((window) => window.map((value) => (value === null ? '' : String(value))));
  const current = texts.at(-1) ?? [];
  // Profiles keep the commonest texts only: what is not among them is one category, on both sides.
  const counts: Record<string, number> = {};
  for (const text of current) {
    const category = text === '' || Object.hasOwn(reference.counts, text) ? text : uncommon;
    counts[category] = (counts[category] ?? 0) + 1;
  }
  const kept = Object.values(reference.counts).reduce((sum, one) => sum + one, 0);
  const absent = Math.round(reference.missing * rows);
  const before = { ...reference.counts, '': absent, [uncommon]: Math.max(0, rows - kept - absent) };
  const correlation = categoryCorrelation(texts);
  const { statistic, p } = chiSquareTwoSample(before, counts, {
    designEffect: current.length / Math.max(1, effectiveSize(current.length, correlation)),
  });
  const effect = totalVariation(before, counts);
  const says = `${Math.round(effect * 100)} % of its rows are in other categories than in training`;
  return { statistic: 'chi-square', value: statistic, p, effect, says };
}

function testMissing(share: number, rows: number, window: readonly FeatureValue[], present: number): Tested {
  const absent = window.length - present;
  const before = { absent: share * rows, present: (1 - share) * rows };
  const now = { absent, present };
  const isAbsentTogether = window.map((value) => (isNumber(value) ? 'present' : 'absent'));
  const correlation = categoryCorrelation([isAbsentTogether]);
  const { statistic, p } = chiSquareTwoSample(before, now, {
    expectedMin: 1,
    designEffect: window.length / Math.max(1, effectiveSize(window.length, correlation)),
  });
  const effect = totalVariation(before, now);
  const says = `absent in ${absent} of ${window.length} rows, ${Math.round(share * 100)} % in training`;
  return { statistic: 'missing', value: statistic, p, effect, says };
}

/** Several tests of one feature are a family of their own. */
function strongest(candidates: readonly Tested[]): Tested {
  const best = candidates.reduce((one, other) => (other.p < one.p ? other : one));
  return { ...best, p: Math.min(1, best.p * candidates.length) };
}

function isNumber(value: FeatureValue): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
