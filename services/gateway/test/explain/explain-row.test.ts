import type { JsonObject } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { explainRow } from '../../src/explain/explain-row.js';
import { planFor } from '../../src/explain/plan.js';
import { givenReference, referenceOf } from '../../src/explain/reference.js';

type Model = (row: JsonObject) => number;

function explain(model: Model, features: JsonObject, reference: JsonObject, seed = 'p') {
  const work = explainRow({ features, prediction: model(features), seed }, reference, 2_048);
  return work.finish(work.rows.map(model));
}

const numbers = (count: number, value: (at: number) => number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`x${at}`, value(at)]));
const sum = (values: Readonly<Record<string, number>>) => Object.values(values).reduce((a, b) => a + b, 0);
/** A tree of thresholds in which inputs work together. */
const tree: Model = (row) => {
  const [a, b, c] = [Number(row['x0']), Number(row['x1']), Number(row['x2'])];
  if (a > 0.5) return b > 0.5 ? 10 : 4;
  return c > 0.5 ? 1 : -2;
};

test('in a linear model every input contributes its weight times its distance from the reference', () => {
  const weights = numbers(6, (at) => at - 2.5);
  const linear: Model = (row) =>
    3 + Object.entries(weights).reduce((total, [name, weight]) => total + weight * Number(row[name]), 0);
  const [features, reference] = [numbers(6, (at) => at * 1.5), numbers(6, () => 1)];
  const { base, contributions, method } = explain(linear, features, reference);
  expect(method).toBe('exact');
  expect(base).toBeCloseTo(linear(reference), 12);
  for (const [name, weight] of Object.entries(weights))
    expect(contributions[name]).toBeCloseTo(weight * (Number(features[name]) - 1), 10);
});

test('in a tree the contributions are those of the definition, over all orders of joining', () => {
  const [features, reference] = [numbers(3, () => 1), numbers(3, () => 0)];
  const { base, contributions } = explain(tree, features, reference);
  const orders = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ];
  for (const player of [0, 1, 2]) {
    const gains = orders.map((order) => {
      const row = { ...reference };
      for (const one of order.slice(0, order.indexOf(player))) row[`x${one}`] = 1;
      return tree({ ...row, [`x${player}`]: 1 }) - tree(row);
    });
    expect(contributions[`x${player}`]).toBeCloseTo(gains.reduce((a, b) => a + b, 0) / 6, 12);
  }
  expect(base + sum(contributions)).toBe(tree(features));
});

test.each([3, 10, 11, 40])('with %i inputs base and contributions add up to the prediction', (count) => {
  const bent: Model = (row) =>
    Object.values(row).reduce<number>((total, x, at) => total + Math.sin(Number(x) + at) * total, 0.37);
  const features = numbers(count, (at) => (at * 7919) % 13);
  const { base, contributions, method, evaluations } = explain(
    bent,
    features,
    numbers(count, () => 0.5),
  );
  expect(method).toBe(count > 10 ? 'sampled' : 'exact');
  expect(evaluations).toBeLessThanOrEqual(2_048);
  expect(base + sum(contributions)).toBeCloseTo(bent(features), 10);
});

test('a sampled explanation is the same whenever its prediction is explained again, and exact for what adds up', () => {
  const additive: Model = (row) => Object.values(row).reduce<number>((total, x) => total + Number(x) ** 2, 0);
  const [features, reference] = [numbers(24, (at) => at + 1), numbers(24, () => 0)];
  const one = explain(additive, features, reference, 'one');
  expect(explain(additive, features, reference, 'one')).toEqual(one);
  for (const [name, part] of Object.entries(one.contributions))
    expect(part).toBeCloseTo(Number(features[name]) ** 2, 9);
  const orders = (seed: string) => planFor(24, 500, seed).coalitions;
  expect(orders('one')).toEqual(orders('one'));
  expect(orders('one')).not.toEqual(orders('two'));
});

test('what equals the reference is no player: it contributes nothing and costs nothing', () => {
  const reference = numbers(40, () => 1);
  const features = { ...reference, x3: 5, x7: 6 };
  const product: Model = (row) => Object.values(row).reduce<number>((total, x) => total * Number(x), 1);
  const { contributions, method, evaluations } = explain(product, features, reference);
  expect([method, evaluations]).toEqual(['exact', 3]);
  expect(Object.values(contributions).filter((part) => part !== 0)).toHaveLength(2);
  expect(explain(product, reference, reference)).toMatchObject({ base: 1, evaluations: 1 });
});

test('the reference row holds medians and modes, and null where training rows had no value', () => {
  const manifest = JSON.stringify({
    reference: {
      features: {
        warm: { kind: 'number', quantiles: [0, 1, 5, 9] },
        odd: { kind: 'number', quantiles: [0, 2, 9] },
        never: { kind: 'number', quantiles: [] },
        origin: { kind: 'text', counts: { SFO: 3, SEA: 7, LAX: 7 } },
      },
    },
  });
  expect(referenceOf(manifest, ['warm', 'odd', 'never', 'origin'])).toEqual({
    warm: 3,
    odd: 2,
    never: null,
    origin: 'LAX',
  });
  const absent = expect.objectContaining({ code: 'EXPLAIN_REFERENCE_ABSENT' });
  expect(() => referenceOf(manifest, ['other'])).toThrow(absent);
  expect(() => referenceOf('', ['warm'])).toThrow(absent);
  expect(() => givenReference({ warm: 1 }, ['warm', 'odd'])).toThrow(absent);
  expect(() => givenReference({ warm: 1, cold: 1 }, ['warm'])).toThrow(
    expect.objectContaining({ field: 'explain.reference.cold' }),
  );
});
