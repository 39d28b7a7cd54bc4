import { describe, expect, test } from 'vitest';
import {
  benjaminiHochberg,
  betaRegularised,
  chiSquareTwoSample,
  chiSquareUpper,
  gammaUpper,
  holm,
  kolmogorovUpper,
  ksTwoSample,
  ksUpper,
  normalUpper,
  studentUpper,
  totalVariation,
  wasserstein,
  wassersteinNormed,
  welch,
} from '../src/mod.js';
import { hasReference, reference, withoutReference } from './reference.js';

interface TwoSample {
  x: number[];
  y: number[];
  ks_exact: [number, number];
  wasserstein: number;
  /** Of one sample on a known law with n·m/(n+m) rows. */
  ks_asymp: [number, number];
  welch?: [number, number];
}
interface Fixtures {
  kolmogorov_sf: [number, number][];
  chi2_sf: [number, number, number][];
  /** Some rows are inverses: ['ppf', p, z]. */
  norm_sf_ppf: [number | string, number][];
  t_sf: [number, number, number][];
  betainc: [number, number, number, number][];
  gammainc_upper: [number, number, number][];
  two_sample: TwoSample[];
  contingency: { table: [number[], number[]]; chi2: [number, number, number] }[];
  multipletests: { p: number[]; holm: { adj: number[] }; fdr_bh: { adj: number[] } };
}

/** 1e-9 relative on statistics and special functions, 1e-6 on p. */
function near(actual: number, wanted: number, relative = 1e-9): void {
  expect(Math.abs(actual - wanted)).toBeLessThanOrEqual(relative * Math.abs(wanted) + 1e-15);
}
const nearP = (actual: number, wanted: number) => expect(Math.abs(actual - wanted)).toBeLessThanOrEqual(1e-6);

describe.skipIf(!hasReference)(
  `the figures of SciPy${hasReference ? '' : ` (skipped: ${withoutReference})`}`,
  () => {
    const fixtures = () => reference<{ fixtures: Fixtures }>('fixtures_stats.json').fixtures;

    test('special functions agree to nine digits', () => {
      const all = fixtures();
      for (const [x, p] of all.kolmogorov_sf) near(kolmogorovUpper(x), p);
      for (const [x, df, p] of all.chi2_sf) near(chiSquareUpper(x, df), p);
      for (const [z, p] of all.norm_sf_ppf) if (typeof z === 'number') near(normalUpper(z), p);
      for (const [t, df, p] of all.t_sf) near(studentUpper(t, df), p);
      for (const [a, b, x, p] of all.betainc) near(betaRegularised(a, b, x), p);
      for (const [a, x, p] of all.gammainc_upper) near(gammaUpper(a, x), p);
    });

    test('two-sample tests and distances agree on small samples', () => {
      for (const sample of fixtures().two_sample) {
        const ks = ksTwoSample(sample.x, sample.y, 'exact');
        near(ks.statistic, sample.ks_exact[0]);
        nearP(ks.p, sample.ks_exact[1]);
        near(wasserstein(sample.x, sample.y), sample.wasserstein);
        const means = welch(sample.x, sample.y);
        if (sample.welch) {
          near(means.statistic, sample.welch[0]);
          nearP(means.p, sample.welch[1]);
        }
      }
    });

    test('the series of KS is right to 0.0004 from 20 rows on, and never too small below', () => {
      for (const { x, y, ks_asymp } of fixtures().two_sample) {
        const n = Math.round((x.length * y.length) / (x.length + y.length));
        const p = ksUpper(ks_asymp[0], n);
        if (n >= 20) expect(Math.abs(p - ks_asymp[1])).toBeLessThan(4e-4);
        else expect(p).toBeGreaterThan(ks_asymp[1]);
      }
    });

    test('chi-square agrees on tables with empty cells, and so do Holm and Benjamini-Hochberg', () => {
      const all = fixtures();
      for (const { table, chi2 } of all.contingency) {
        const counts = (row: number[]) => Object.fromEntries(row.map((count, at) => [`c${at}`, count]));
        const result = chiSquareTwoSample(counts(table[0]), counts(table[1]), { expectedMin: 0 });
        near(result.statistic, chi2[0]);
        nearP(result.p, chi2[1]);
        expect(result.df).toBe(chi2[2]);
      }
      holm(all.multipletests.p).forEach((p, at) => {
        near(p, all.multipletests.holm.adj[at] as number);
      });
      benjaminiHochberg(all.multipletests.p).forEach((p, at) => {
        near(p, all.multipletests.fdr_bh.adj[at] as number);
      });
    });

    test('a random split of real rows stays quiet, category by category and after adjustment', () => {
      interface Categorical {
        chi2: { stat: number; p: number };
        tvd: number;
        keys: string[];
        ref_counts: number[];
        cur_counts: number[];
      }
      const { result } = reference<{ result: { categorical: Record<string, Categorical> } }>(
        'iid_split_adult.json',
      );
      const ps = Object.values(result.categorical).map((column) => {
        const counts = (values: number[]) =>
          Object.fromEntries(column.keys.map((key, at) => [key, values[at] as number]));
        const [ref, cur] = [counts(column.ref_counts), counts(column.cur_counts)];
        const all = chiSquareTwoSample(ref, cur, { expectedMin: 0 });
        near(all.statistic, column.chi2.stat);
        nearP(all.p, column.chi2.p);
        near(totalVariation(ref, cur), column.tvd);
        return chiSquareTwoSample(ref, cur).p;
      });
      expect(Math.min(...holm(ps))).toBeGreaterThan(0.05);
    });
  },
);

test('distances of scaled samples: normed Wasserstein has no unit', () => {
  const normed = (scale: number) =>
    wassersteinNormed(
      wasserstein(
        [1, 2, 3].map((v) => v * scale),
        [2, 4, 9].map((v) => v * scale),
      ),
      scale,
    );
  expect(normed(1)).toBeCloseTo(normed(1000), 12);
});
