import { describe, expect, test } from 'vitest';
import { mismatch, percentile, tensorsOf } from '../src/decide/golden.js';
import { parseManifest } from '../src/manifest.js';

const output = (value: number) => [
  { name: 'prediction', datatype: 'FP64' as const, shape: [1, 1], data: Float64Array.of(value) },
];

describe('golden requests', () => {
  test.each([
    [3, 3, true],
    [3, 3 + 2e-9, true],
    [3, 3 + 4e-9, false],
    [1e12, 1e12 + 500, true],
    [1e12, 1e12 + 2000, false],
    [0, 0, true],
    [0, 1e-12, false],
    [-2, 2, false],
    [3, Number.NaN, false],
  ])('%d answered with %d passes: %s', (wanted, value, passes) => {
    expect(mismatch(0, wanted, output(value), 'prediction') === undefined).toBe(passes);
  });

  test('a missing output is named', () => {
    expect(mismatch(0, 1, output(1), 'probability')).toContain('no output "probability"; it has prediction');
  });

  test('missing values go in as NaN and the empty text, in the order of the manifest', () => {
    const inputs = [
      { name: 'origin', datatype: 'BYTES' as const },
      { name: 'wind', datatype: 'FP64' as const },
    ];
    expect(tensorsOf({ inputs }, { inputs: { wind: null }, output: 1 })).toEqual([
      { name: 'origin', datatype: 'BYTES', shape: [1, 1], data: [''] },
      { name: 'wind', datatype: 'FP64', shape: [1, 1], data: Float64Array.of(Number.NaN) },
    ]);
    expect(() => tensorsOf({ inputs }, { inputs: { wind: 'strong' }, output: 1 })).toThrow(
      'wind is "strong", but the model takes FP64',
    );
  });

  test('percentiles are by nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, at) => 100 - at);
    expect([percentile(values, 0.5), percentile(values, 0.99), percentile([7], 0.99)]).toEqual([50, 99, 7]);
  });
});

test('a manifest that cannot be used says where it is wrong', () => {
  expect(() => parseManifest('{')).toThrow('it is no JSON');
  expect(() => parseManifest('{"kind":"perennial/model-manifest/v1","model":{}}')).toThrow('model.digest');
});
