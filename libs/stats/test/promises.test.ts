import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  areaUnderCurve,
  blockJackknifeError,
  chiSquareTwoSample,
  effectiveSize,
  exceedanceP,
  holm,
  ksDistance,
  ksToQuantiles,
  ksTwoSample,
  mean,
  quantileSorted,
  serialCorrelation,
  standardDeviation,
  totalVariation,
  wasserstein,
  wassersteinToQuantiles,
} from '../src/mod.js';

const numbers = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 2, maxLength: 60 });

describe('tests and distances', () => {
  test('KS and Wasserstein do not care which sample comes first nor in which order the values are', () => {
    fc.assert(
      fc.property(numbers, numbers, (x, y) => {
        const forward = ksTwoSample(x, y);
        const backward = ksTwoSample([...y].reverse(), [...x].reverse());
        expect(forward.statistic).toBeCloseTo(backward.statistic, 12);
        expect(forward.p).toBeCloseTo(backward.p, 9);
        expect(wasserstein(x, y)).toBeCloseTo(wasserstein(y, x), 9);
      }),
    );
  });

  test('the same sample twice has distance 0 and p 1', () => {
    fc.assert(
      fc.property(numbers, (x) => {
        expect(ksTwoSample(x, x)).toEqual({ statistic: 0, p: 1 });
        expect(wasserstein(x, x)).toBe(0);
      }),
    );
  });

  test('Wasserstein of a shifted sample is the shift', () => {
    fc.assert(
      fc.property(numbers, fc.integer({ min: -20, max: 20 }), (x, shift) => {
        expect(
          wasserstein(
            x,
            x.map((value) => value + shift),
          ),
        ).toBeCloseTo(Math.abs(shift), 9);
      }),
    );
  });

  test('against 101 quantiles of a sample KS is never larger than against the sample itself', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 101, maxLength: 400 }),
        fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 5, maxLength: 40 }),
        (reference, sample) => {
          const sorted = Float64Array.from(reference).sort();
          const quantiles = Array.from({ length: 101 }, (_, at) => quantileSorted(sorted, at / 100));
          const current = Float64Array.from(sample).sort();
          // Reading between the quantiles may add an observation of the reference.
          expect(ksToQuantiles(current, quantiles)).toBeLessThanOrEqual(
            ksDistance(sorted, current) + 1 / reference.length + 1e-9,
          );
        },
      ),
    );
  });

  test('against quantiles Wasserstein keeps the order of magnitude of a shift', () => {
    const quantiles = Array.from({ length: 101 }, (_, at) => at / 100);
    const shifted = Array.from({ length: 200 }, (_, at) => 2 + at / 199);
    expect(wassersteinToQuantiles(shifted, quantiles)).toBeCloseTo(2, 2);
  });

  test('one unseen category in one of 1000 rows is no proof at 1 %', () => {
    const reference = { a: 5000, b: 3000, c: 2000 };
    expect(chiSquareTwoSample(reference, { a: 500, b: 300, c: 199, new: 1 }).p).toBeGreaterThan(0.01);
    expect(totalVariation(reference, { a: 500, b: 300, c: 199, new: 1 })).toBeCloseTo(0.001, 9);
  });

  test('a category that takes over is found', () => {
    expect(chiSquareTwoSample({ a: 500, b: 500 }, { a: 2, new: 98 }).p).toBeLessThan(1e-6);
  });

  test('Holm never lowers a p-value and keeps their order', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 }), (p) => {
        const adjusted = holm(p);
        p.forEach((value, i) => {
          expect(adjusted[i]).toBeGreaterThanOrEqual(value);
          p.forEach((other, j) => {
            if (value < other) expect(adjusted[i] as number).toBeLessThanOrEqual(adjusted[j] as number);
          });
        });
      }),
    );
  });

  test('empty samples are no error and no proof', () => {
    expect(ksTwoSample([], [1]).p).toBe(1);
    expect(chiSquareTwoSample({}, { a: 1 }).p).toBe(1);
    expect(wasserstein([], [1])).toBe(0);
  });
});

describe('dependence', () => {
  /** A fixed linear congruential generator: the same numbers in every run. */
  function normals(seed: number): () => number {
    let state = seed >>> 0;
    const uniform = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return (state + 0.5) / 4_294_967_296;
    };
    return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  }

  function autoregressive(next: () => number, length: number, phi: number): number[] {
    const values = [next()];
    while (values.length < length) {
      values.push(phi * (values.at(-1) as number) + Math.sqrt(1 - phi * phi) * next());
    }
    return values;
  }

  test('the correlation of an AR(1) series is found from short windows, on average', () => {
    const next = normals(7);
    for (const phi of [0, 0.5, 0.8]) {
      const estimates = Array.from({ length: 200 }, () => {
        const series = autoregressive(next, 56, phi);
        return serialCorrelation([0, 14, 28, 42].map((from) => series.slice(from, from + 14)));
      });
      expect(Math.abs(mean(estimates) - phi)).toBeLessThan(0.12);
    }
  });

  test('independent rows keep their number, dependent ones count for less', () => {
    expect(effectiveSize(100, 0)).toBe(100);
    // The variance of a mean, summed pair by pair.
    let variance = 0;
    for (let i = 0; i < 100; i++) for (let j = 0; j < 100; j++) variance += 0.9 ** Math.abs(i - j) / 10_000;
    expect(effectiveSize(100, 0.9)).toBeCloseTo(1 / variance, 9);
    expect(effectiveSize(14, 0.98)).toBeGreaterThanOrEqual(1);
  });

  test('the jackknife of a mean with one row a block is its standard error', () => {
    fc.assert(
      fc.property(numbers, (x) => {
        const error = blockJackknifeError(x.length, x.length, (from, to) =>
          mean(x.filter((_, at) => at < from || at >= to)),
        );
        expect(error).toBeCloseTo(standardDeviation(x) / Math.sqrt(x.length), 9);
      }),
    );
  });

  test('a value that is not worse exceeds nothing; one without spread that is worse exceeds for certain', () => {
    expect(exceedanceP(1, 2, 0.5, 10)).toBe(1);
    expect(exceedanceP(3, 2, 0, 10)).toBe(0);
    expect(exceedanceP(3, 2, Number.NaN, 10)).toBe(1);
  });
});

test('AUC counts the pairs', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 8 }), fc.boolean()), { minLength: 1, maxLength: 40 }),
      (rows) => {
        let won = 0;
        let pairs = 0;
        for (const [a, isA] of rows)
          for (const [b, isB] of rows)
            if (isA && !isB) {
              pairs++;
              won += a > b ? 1 : a === b ? 0.5 : 0;
            }
        const auc = areaUnderCurve(
          rows.map(([score]) => score),
          rows.map(([, positive]) => positive),
        );
        if (pairs === 0) expect(auc).toBeNaN();
        else expect(auc).toBeCloseTo(won / pairs, 12);
      },
    ),
  );
});
