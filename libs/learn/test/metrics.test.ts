import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { metricOf } from '../src/metrics/metrics.js';
import { bootstrapInterval, metricNames, score } from '../src/mod.js';
import { randomFrom } from '../src/random.js';

const of = (...values: number[]) => Float64Array.from(values);

describe('metrics', () => {
  test('of regression, by hand', () => {
    const [truth, predicted] = [of(1, 2, 3, 6), of(2, 2, 3, 4)];
    expect(score('mae', truth, predicted)).toBeCloseTo(0.75);
    expect(score('rmse', truth, predicted)).toBeCloseTo(Math.sqrt(5 / 4));
    expect(score('r2', truth, predicted)).toBeCloseTo(1 - 5 / 14);
  });

  test('of classification, by hand', () => {
    const [truth, predicted] = [of(1, 0, 1, 0), of(0.9, 0.4, 0.4, 0.6)];
    expect(score('auc', truth, predicted)).toBeCloseTo(2.5 / 4);
    expect(score('accuracy', truth, predicted)).toBeCloseTo(0.5);
    expect(score('f1', truth, predicted)).toBeCloseTo(0.5);
    const loss = -(Math.log(0.9) + Math.log(0.6) + Math.log(0.4) + Math.log(0.4)) / 4;
    expect(score('logloss', truth, predicted)).toBeCloseTo(loss);
  });

  test('are NaN where they are not defined', () => {
    expect(score('mae', of(), of())).toBeNaN();
    expect(score('r2', of(2, 2), of(1, 2))).toBeNaN();
    expect(score('auc', of(1, 1), of(0.1, 0.2))).toBeNaN();
    expect(score('f1', of(0), of(0.1))).toBeNaN();
    expect(score('logloss', of(1), of(0))).toBeGreaterThan(30);
  });

  test('a weight is the same as that many copies of the row', () => {
    const row = fc.tuple(fc.constantFrom(0, 1), fc.constantFrom(0.1, 0.4, 0.5, 0.9), fc.nat(3));
    fc.assert(
      fc.property(fc.constantFrom(...metricNames), fc.array(row, { minLength: 1 }), (metric, rows) => {
        const copies = rows.flatMap(([y, p, weight]) => new Array<[number, number]>(weight).fill([y, p]));
        const weighted = metricOf(metric, of(...rows.map(([y]) => y)), of(...rows.map(([, p]) => p)));
        const plain = score(metric, of(...copies.map(([y]) => y)), of(...copies.map(([, p]) => p)));
        const value = weighted(rows.map(([, , weight]) => weight));
        if (Number.isNaN(plain)) expect(value).toBeNaN();
        else expect(value).toBeCloseTo(plain, 9);
      }),
    );
  });
});

describe('intervals', () => {
  const random = randomFrom(5);
  const truth = Float64Array.from({ length: 400 }, () => random() * 10);
  const predicted = truth.map((value) => value + random() - 0.5);

  test('hold the value, repeat with their seed and narrow with the rows', () => {
    const interval = bootstrapInterval('mae', truth, predicted, 1);
    const value = score('mae', truth, predicted);
    expect(interval?.low).toBeLessThan(value);
    expect(interval?.high).toBeGreaterThan(value);
    expect(bootstrapInterval('mae', truth, predicted, 1)).toEqual(interval);
    const fewer = bootstrapInterval('mae', truth.slice(0, 40), predicted.slice(0, 40), 1);
    const width = (one: typeof interval) => (one ? one.high - one.low : Number.NaN);
    expect(width(interval)).toBeLessThan(width(fewer));
  });

  test('are left out where the rows do not allow one', () => {
    expect(bootstrapInterval('mae', truth.slice(0, 14), predicted.slice(0, 14), 1)).toBeUndefined();
    expect(bootstrapInterval('auc', new Float64Array(50), new Float64Array(50), 1)).toBeUndefined();
  });
});
