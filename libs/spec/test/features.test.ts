import type { PlatformError } from '@perennial/kernel';
import { describe, expect, it } from 'vitest';
import { canonicalSystem, modelInputs, parseSystem, systemFromJson } from '../src/mod.js';

const system = (features: string, label = '{ name: late, expr: "delay > 15", task: classification }') => `
apiVersion: perennial/v1
kind: System
name: flights
source: { name: flights, time: date, key: [tail] }
label: ${label}
features:
${features
  .trim()
  .split('\n')
  .map((line) => `  - ${line.trim()}`)
  .join('\n')}
gate: { metric: auc, hold-out: { last: 10 rows }, better-than-champion: { by: 1% } }
monitor: { window: 100 rows, decay: { metric: auc, worse-than: 5% } }
`;
const one = (feature: string, label?: string) => {
  const parsed = parseSystem(system(feature, label));
  expect(systemFromJson(canonicalSystem(parsed))).toEqual(parsed);
  return parsed.features[0];
};
const refusal = (feature: string, label?: string) => {
  try {
    parseSystem(system(feature, label));
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'SPEC_INVALID' });
    return (thrown as PlatformError).message;
  }
  throw new Error(`accepted: ${feature}`);
};
const day = 86_400_000;

describe('a feature', () => {
  it.each([
    ['{ tumbling: 1d }', { durationMs: day, everyMs: day }],
    ['{ hopping: 7d, every: 1d }', { durationMs: 7 * day, everyMs: day }],
    ['{ sawtooth: 0s, every: 1d }', { durationMs: 0, fromEveryMs: day }],
    ['{ last: 5 rows }', { last: 5 }],
    ['7d', { durationMs: 7 * day }],
  ])('has a window %s', (window, wanted) => {
    expect(one(`{ name: w, from: distance, window: ${window}, as: sum }`)).toEqual({
      name: 'w',
      kind: 'window',
      from: 'distance',
      window: wanted,
      offsetMs: 0,
      by: ['tail'],
      as: 'sum',
    });
  });

  it('counts, spreads and ranks what an expression gives, with either edge', () => {
    expect(
      one(
        '{ name: w, from: { expr: "distance / 2" }, window: 1d, as: { quantile: 90% }, edge: inclusive, by: [] }',
      ),
    ).toEqual({
      name: 'w',
      kind: 'window',
      from: { expr: 'distance / 2' },
      window: { durationMs: day },
      offsetMs: 0,
      by: [],
      as: 'quantile',
      quantile: 0.9,
      edge: 'inclusive',
    });
    expect(one('{ name: w, from: x, window: 1d, as: median }')).toMatchObject({ quantile: 0.5 });
  });

  it('is looked up in another source, with all rules of its validity', () => {
    expect(one('{ name: seats, lookup: planes, on: { tailnum: tail } }')).toEqual({
      name: 'seats',
      kind: 'lookup',
      source: 'planes',
      from: 'seats',
      on: [{ column: 'tailnum', equals: 'tail' }],
    });
    expect(
      one(
        '{ name: age, lookup: planes, from: { expr: "2001 - year" }, on: [tail], edge: exclusive, ttl: 30d, created: arrived, deleted: "retired = 1", encode: standard }',
      ),
    ).toEqual({
      name: 'age',
      kind: 'lookup',
      source: 'planes',
      from: { expr: '2001 - year' },
      on: [{ column: 'tail', equals: 'tail' }],
      edge: 'exclusive',
      ttlMs: 30 * day,
      created: '_p_arrived_at',
      deleted: 'retired = 1',
      encode: { kind: 'standard' },
    });
  });

  it('that is a list is as many inputs of the model', () => {
    const parsed = parseSystem(system('{ name: vec, column: embedding, size: 3 }\n{ name: distance }'));
    expect(parsed.features[0]).toEqual({ name: 'vec', kind: 'embedding', column: 'embedding', size: 3 });
    expect(modelInputs(parsed)).toEqual(['vec[0]', 'vec[1]', 'vec[2]', 'distance']);
  });

  it.each([
    ['one-hot', { kind: 'one-hot', max: 20 }],
    ['{ one-hot: { max: 7 } }', { kind: 'one-hot', max: 7 }],
    ['{ target: { prior: 3 rows } }', { kind: 'target', priorRows: 3 }],
    ['min-max', { kind: 'min-max' }],
    ['{ impute: median }', { kind: 'impute', with: 'median' }],
    ['{ impute: -1 }', { kind: 'impute', with: -1 }],
  ])('is encoded by %s', (encode, wanted) => {
    expect(one(`{ name: x, encode: ${encode} }`)).toEqual({
      name: 'x',
      kind: 'column',
      column: 'x',
      encode: wanted,
    });
  });

  const arriving = '{ column: delay, task: classification }';
  it.each([
    [
      'an inclusive window over its label',
      '{ name: w, from: late, window: 1h, as: mean, edge: inclusive }',
      'holds its own row',
    ],
    [
      'an inclusive window over what makes its label',
      '{ name: w, from: { expr: "delay / 2" }, window: 1h, as: last, edge: inclusive }',
      '"delay" is its label or makes it',
    ],
    [
      'an inclusive lookup of what makes its label',
      '{ name: l, lookup: flights, column: delay, on: [tail] }',
      'finds its own row',
    ],
    [
      'a hop without a step',
      '{ name: w, from: x, window: { hopping: 1d }, as: sum }',
      'features[0].window.every',
    ],
    [
      'a step where nothing hops',
      '{ name: w, from: x, window: { tumbling: 1d, every: 1h }, as: sum }',
      '"every" does not go with "tumbling"',
    ],
    [
      'an inclusive hop',
      '{ name: w, from: x, window: { tumbling: 1d }, as: sum, edge: inclusive }',
      'leave "edge" away',
    ],
    [
      'two windows in one',
      '{ name: w, from: x, window: { last: 1, tumbling: 1d }, as: sum }',
      'write one of last',
    ],
    ['a quantile beyond all', '{ name: w, from: x, window: 1d, as: { quantile: 1.5 } }', 'at most 100%'],
    ['a lookup by nothing', '{ name: l, lookup: planes }', 'features[0].on: it is missing'],
    ['a time to live of a column', '{ name: x, ttl: 3d }', '"ttl" belongs to a lookup feature; add "lookup"'],
    [
      'a window of a lookup',
      '{ name: l, lookup: planes, on: [tail], window: 3d }',
      '"window" does not go with "lookup"',
    ],
    [
      'a cutoff by nothing',
      '{ name: l, lookup: planes, on: [tail], cutoff: none }',
      'name its column with "created"',
    ],
    ['an unknown encoding', '{ name: x, encode: onehot }', 'did you mean "one-hot"?'],
    ['an encoded list', '{ name: x, size: 3, encode: standard }', 'a list of numbers is not encoded'],
    ['a list of nothing', '{ name: x, size: 0 }', 'must be at least 1'],
    ['an input that another feature has', '{ name: x, size: 2 }\n{ name: "x[1]" }', 'is there twice'],
  ])('that is %s is refused', (_, feature, says) => {
    expect(refusal(feature)).toContain(says);
  });

  it('computes with an arriving label nowhere, since the rows are without it', () => {
    expect(refusal('{ name: w, from: { expr: "delay / 2" }, window: 1h, as: sum }', arriving)).toContain(
      'write from: delay',
    );
    expect(
      one('{ name: w, from: delay, window: 1h, offset: 1h, as: sum, edge: inclusive }', arriving),
    ).toMatchObject({
      edge: 'inclusive',
    });
  });
});
