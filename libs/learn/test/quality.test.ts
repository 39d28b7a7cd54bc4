import { PlatformError } from '@perennial/kernel';
import { describe, expect, test } from 'vitest';
import { score, type TrainingTable, train } from '../src/mod.js';
import { mixed, seattle } from './data.js';

function errors(trainer: string, table: TrainingTable, months: string[][]): number[] {
  const model = train(trainer, { table, task: 'regression', parameters: {} });
  return months.map(([from, to]) => {
    const test = seattle(from as string, to as string);
    return score('mae', test.label, model.predict(test.columns, test.label.length));
  });
}

const months = [4, 5, 6, 7, 8, 9].map((month) => [
  `2012-0${month}-01`,
  `2012-${month < 9 ? '0' : ''}${month + 1}-01`,
]);

test('a winter model fails in summer as scikit-learn’s does', () => {
  // HistGradientBoostingRegressor, 100 trees, min leaf 5, trained on January to March 2012.
  const known = [3.1, 4.6, 5.7, 9.3, 11.8, 9.0];
  const found = errors('gbdt', seattle('2012-01-01', '2012-04-01'), months);
  for (const [at, value] of found.entries()) {
    expect(Math.abs(value - (known[at] as number))).toBeLessThan(0.1 * (known[at] as number));
  }
});

test('trained on all the past it is as good as scikit-learn’s', () => {
  const known = [3.1, 2.6, 2.1, 3.6, 3.6, 2.7];
  for (const [at, month] of months.entries()) {
    const [value] = errors('gbdt', seattle('2012-01-01', month[0] as string), [month]);
    expect(Math.abs((value as number) - (known[at] as number))).toBeLessThan(0.25);
  }
});

test('a linear model extrapolates into the next season', () => {
  const found = errors('linear', seattle('2012-01-01', '2012-04-01'), months);
  expect(Math.max(...found)).toBeLessThan(6);
});

test('missing values go to the side where they belong', () => {
  const x = Float64Array.from({ length: 400 }, (_, row) => (row % 4 === 0 ? Number.NaN : row % 4));
  // Missing ones behave as the middle value does, so they are apart from neither side alone.
  const label = x.map((value) => (value === 3 ? 0 : 10));
  const model = train('gbdt', {
    table: { features: ['x'], columns: { x }, label },
    task: 'regression',
    parameters: {},
  });
  const [missing, one, three] = model.predict({ x: Float64Array.of(Number.NaN, 1, 3) }, 3);
  expect(missing).toBeCloseTo(10, 2);
  expect(one).toBeCloseTo(10, 2);
  expect(three).toBeCloseTo(0, 2);
});

test('that a value is missing at all is a split of its own', () => {
  const x = Float64Array.from({ length: 200 }, (_, row) => (row % 2 ? Number.NaN : row));
  const label = x.map((value) => (Number.isNaN(value) ? 1 : 0));
  const table = { features: ['x'], columns: { x }, label };
  const model = train('gbdt', { table, task: 'classification', parameters: { leaves: 2 } });
  const [missing, known] = model.predict({ x: Float64Array.of(Number.NaN, 1e300) }, 2);
  expect(missing).toBeGreaterThan(0.95);
  expect(known).toBeLessThan(0.05);
});

test('an unseen text is treated as the rare ones of the training rows were', () => {
  const texts = Array.from({ length: 1_000 }, (_, row) => (row < 900 ? `common${row % 3}` : `rare${row}`));
  const label = Float64Array.from(texts, (text) => (text.startsWith('rare') ? 50 : Number(text.at(-1))));
  const model = train('gbdt', {
    table: { features: ['city'], columns: { city: texts }, label },
    task: 'regression',
    parameters: {},
  });
  const [unseen, common] = model.predict({ city: ['never', 'common1'] }, 2);
  expect(unseen).toBeCloseTo(50, 1);
  expect(common).toBeCloseTo(1, 1);
});

test('more rows than the bins’ sample holds are learnt as well', () => {
  const rows = 250_000;
  const x = Float64Array.from({ length: rows }, (_, row) => (row * 7919) % rows);
  const label = x.map((value) => Math.sin((value / rows) * 6));
  const table = { features: ['x'], columns: { x }, label };
  const model = train('gbdt', { table, task: 'regression', parameters: { trees: 30 } });
  expect(score('r2', label, model.predict({ x }, rows))).toBeGreaterThan(0.99);
});

describe('refused with a reason', () => {
  const table = mixed(100, 1, 'classification');
  const cases: [string, string, Partial<TrainingTable>, Record<string, number>][] = [
    ['an unknown trainer', 'TRAINER_UNKNOWN', {}, {}],
    ['an unknown parameter', 'PARAMETER_UNKNOWN', {}, { tress: 5 }],
    ['half a tree', 'PARAMETER_INVALID', {}, { trees: 2.5 }],
    ['a label that is no class', 'LABEL_INVALID', { label: table.label.map(() => 2) }, {}],
    ['a feature without a column', 'FEATURES_INVALID', { features: ['wide', 'nowhere'] }, {}],
    ['no features', 'FEATURES_INVALID', { features: [] }, {}],
  ];
  for (const [name, code, change, parameters] of cases) {
    test(name, () => {
      const trainer = code === 'TRAINER_UNKNOWN' ? 'toString' : 'gbdt';
      const run = () =>
        train(trainer, { table: { ...table, ...change }, task: 'classification', parameters });
      expect(run).toThrow(PlatformError);
      expect(run).toThrow(expect.objectContaining({ code }));
    });
  }
});
