import { describe, expect, test } from 'vitest';
import { judgeDrift } from '../../src/decide/drift.js';
import type { Reference } from '../../src/decide/model.js';
import { autoregressive, normals, profile } from './rows.js';

interface Case {
  features: number;
  reference: number;
  window: number;
  phi: number;
  shift?: number;
  level: number;
  runs: number;
}

/** The share of windows that report any drift. */
function alarms({ features, reference: m, window: n, phi, shift = 0, level, runs }: Case): number {
  const next = normals(12_345);
  let hits = 0;
  for (let run = 0; run < runs; run++) {
    const series = Array.from({ length: features }, () => autoregressive(next, m + 4 * n, phi));
    const reference: Reference = {
      rows: m,
      features: Object.fromEntries(series.map((values, at) => [`f${at}`, profile(values.slice(0, m))])),
    };
    const windows = [0, 1, 2, 3].map((window) =>
      Array.from({ length: n }, (_, at) =>
        Object.fromEntries(
          series.map((values, f) => [
            `f${f}`,
            (values[m + window * n + at] as number) + (window === 3 && f === 0 ? shift : 0),
          ]),
        ),
      ),
    );
    if (judgeDrift(reference, windows, level).some(({ drifted }) => drifted)) hits++;
  }
  return hits / runs;
}

describe('where nothing changed', () => {
  test.each([
    { features: 1, reference: 76, window: 14, phi: 0 },
    { features: 6, reference: 76, window: 14, phi: 0.5 },
    { features: 6, reference: 500, window: 50, phi: 0.9 },
    { features: 1, reference: 2000, window: 720, phi: 0.9 },
  ])(
    'at most 5 of 100 windows report drift at level 0.05: $features features, windows of $window, dependence $phi',
    (of) => {
      expect(alarms({ ...of, level: 0.05, runs: of.window > 100 ? 60 : 300 })).toBeLessThanOrEqual(0.05);
    },
  );

  test('with 14 dependent rows (0.9, worth one or two) it stays under 8 of 100', () => {
    expect(alarms({ features: 6, reference: 76, window: 14, phi: 0.9, level: 0.05, runs: 400 })).toBeLessThan(
      0.08,
    );
  });
});

describe('where something changed', () => {
  test('two standard deviations are found in 14 independent rows, one in 200 dependent ones', () => {
    expect(
      alarms({ features: 6, reference: 76, window: 14, phi: 0, shift: 2, level: 0.001, runs: 100 }),
    ).toBeGreaterThan(0.9);
    expect(
      alarms({ features: 6, reference: 2000, window: 200, phi: 0.5, shift: 1, level: 0.001, runs: 60 }),
    ).toBeGreaterThan(0.95);
  });

  test('a difference under a tenth of a standard deviation is none, however many rows say so', () => {
    expect(
      alarms({ features: 1, reference: 50_000, window: 20_000, phi: 0, shift: 0.05, level: 0.05, runs: 3 }),
    ).toBe(0);
  });

  test('a category that takes over is reported, one unseen value in a thousand is not', () => {
    const reference: Reference = {
      rows: 10_000,
      features: { origin: { kind: 'text', counts: { SEA: 6000, SFO: 4000 }, missing: 0 } },
    };
    const values = (of: (at: number) => string) => [
      Array.from({ length: 1000 }, (_, at) => ({ origin: of(at) })),
    ];
    const usual = (at: number) => ((at * 7919) % 10 < 6 ? 'SEA' : 'SFO');
    expect(
      judgeDrift(
        reference,
        values((at) => (at === 5 ? 'XXX' : usual(at))),
        0.001,
      )[0]?.drifted,
    ).toBe(false);
    const [taken] = judgeDrift(
      reference,
      values((at) => (at % 3 ? 'XXX' : usual(at))),
      0.001,
    );
    expect(taken).toMatchObject({ feature: 'origin', statistic: 'chi-square', drifted: true });
  });

  test('a feature that stops coming is reported as missing', () => {
    const next = normals(3);
    const reference: Reference = {
      rows: 200,
      features: { wind: profile(Array.from({ length: 200 }, next)) },
    };
    const window = Array.from({ length: 40 }, (_, at) => ({ wind: at % 2 ? null : next() }));
    expect(judgeDrift(reference, [window], 0.001)[0]).toMatchObject({ statistic: 'missing', drifted: true });
  });
});
