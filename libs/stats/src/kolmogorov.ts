import { quantileSteps } from './quantiles.js';

export interface TestResult {
  readonly statistic: number;
  /** Two-sided. */
  readonly p: number;
}

/** P(K > x) of Kolmogorov's limiting law. */
export function kolmogorovUpper(x: number): number {
  if (x <= 0) return 1;
  if (x < 1) {
    let sum = 0;
    for (let k = 1; k < 20; k++) sum += Math.exp((-((2 * k - 1) ** 2) * Math.PI ** 2) / (8 * x * x));
    return 1 - (Math.sqrt(2 * Math.PI) / x) * sum;
  }
  let sum = 0;
  for (let k = 1; k < 20; k++) sum += (k % 2 ? 2 : -2) * Math.exp(-2 * k * k * x * x);
  return Math.min(1, Math.max(0, sum));
}

/** Above this many lattice points the exact law costs more than it gives: the error of the series is then under 1e-6. */
const exactPointsMax = 4_000_000;

/**
 * Two-sample Kolmogorov-Smirnov, two-sided. Neither sample needs to be sorted; NaN is not allowed. The p-value is exact
 * for independent observations without ties while n·m is small, and conservative with ties.
 */
export function ksTwoSample(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  method: 'auto' | 'exact' | 'asymptotic' = 'auto',
): TestResult {
  const n = x.length;
  const m = y.length;
  if (n === 0 || m === 0) return { statistic: 0, p: 1 };
  const distance = ksDistance(sorted(x), sorted(y));
  const isExact = method === 'exact' || (method === 'auto' && n * m <= exactPointsMax);
  return {
    statistic: distance,
    p: isExact ? ksExactUpper(distance, n, m) : ksUpper(distance, (n * m) / (n + m)),
  };
}

/** sup |F - G| of two sorted samples. */
export function ksDistance(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let distance = 0;
  let i = 0;
  let j = 0;
  while (i < x.length && j < y.length) {
    const value = Math.min(x[i] as number, y[j] as number);
    while (i < x.length && x[i] === value) i++;
    while (j < y.length && y[j] === value) j++;
    distance = Math.max(distance, Math.abs(i / x.length - j / y.length));
  }
  return distance;
}

/**
 * P(D >= distance) over all interleavings: the share of lattice paths from (0,0) to (n,m) that touch the band's edge.
 * The outside share is carried (not the inside one), so that small p-values keep their digits.
 */
function ksExactUpper(distance: number, n: number, m: number): number {
  const edge = distance - 1e-10;
  const outside = new Float64Array(m + 1);
  for (let i = 0; i <= n; i++) {
    for (let j = 0; j <= m; j++) {
      if (Math.abs(i / n - j / m) >= edge) outside[j] = 1;
      else if (i + j === 0) outside[j] = 0;
      else {
        const fromBelow = i ? (outside[j] as number) * i : 0;
        const fromLeft = j ? (outside[j - 1] as number) * j : 0;
        outside[j] = (fromBelow + fromLeft) / (i + j);
      }
    }
  }
  return outside[m] as number;
}

/**
 * P(D_n > distance) for a sample of (possibly fractional) size n against a known law: the series of Pelz and Good to
 * 1/n, of which the limiting law is the first term.
 */
export function ksUpper(distance: number, n: number): number {
  const x = Math.sqrt(n) * distance;
  if (x <= 0) return 1;
  // Far out the series cancels, and for few rows it is too small; the limiting law is an upper bound.
  if (x > 3 || n < 20) return kolmogorovUpper(x);
  let first = 0;
  let second = 0;
  let third = 0;
  const pi2 = Math.PI ** 2;
  for (let k = -20; k <= 20; k++) {
    const h2 = (k + 0.5) ** 2;
    const e = Math.exp((-pi2 * h2) / (2 * x * x));
    first += (pi2 * h2 - x * x) * e;
    second +=
      (6 * x ** 6 + 2 * x ** 4 + pi2 * (2 * x ** 4 - 5 * x * x) * h2 + pi2 ** 2 * (1 - 2 * x * x) * h2 * h2) *
      e;
    third += k * k * pi2 * Math.exp((-pi2 * k * k) / (2 * x * x));
  }
  const c = Math.sqrt(Math.PI / 2);
  const k1 = (c * first) / (6 * x ** 4);
  const k2 = (c * second) / (72 * x ** 7) - (c * third) / (36 * x ** 3);
  return Math.min(1, Math.max(0, kolmogorovUpper(x) - k1 / Math.sqrt(n) - k2 / n));
}

/**
 * sup |F - Q| of a sorted sample and a law known by its quantiles at equal steps, less the one step that the quantiles
 * leave open: a coarse reference can hide a difference, never make one.
 */
export function ksToQuantiles(sample: ArrayLike<number>, quantiles: readonly number[]): number {
  const n = sample.length;
  let distance = 0;
  for (let i = 0; i < n; ) {
    const value = sample[i] as number;
    const before = i / n;
    while (i < n && sample[i] === value) i++;
    const { below, upTo } = quantileSteps(quantiles, value);
    distance = Math.max(distance, Math.abs(before - below), Math.abs(i / n - upTo));
  }
  return Math.max(0, distance - 1 / (quantiles.length - 1));
}

function sorted(values: ArrayLike<number>): Float64Array {
  return Float64Array.from(values).sort();
}
