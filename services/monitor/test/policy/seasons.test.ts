import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { daysOf, meanOfMonths, type Outcome, play } from './seasons.js';

const csv = new URL(
  '../../../../examples/seattle-temperature/node_modules/vega-datasets/data/seattle-weather.csv',
  import.meta.url,
);
const settings = {
  system: 'seattle-temperature',
  source: 'weather',
  metric: 'mae',
  windowRows: 14,
  falseAlarmsPerWindow: 0.001,
  worseThan: 0.3,
};

/**
 * The policy against real days, with a stand-in trainer and a rollout of 5 to 10 days: retrained on all rows but the
 * last 14, judged on those. The bar of the product is 60 % of the frozen winter model's error from May to December;
 * this policy gives 46 to 49 %.
 */
describe.skipIf(!existsSync(csv))(
  'the policy on two years of Seattle (needs the packages of the example)',
  () => {
    const outcome = (canaryDays: number): Outcome =>
      play(daysOf(csv), Date.UTC(2012, 3, 1), Date.UTC(2014, 0, 1), { settings, shadowDays: 2, canaryDays });
    const share = (of: Outcome) =>
      meanOfMonths(of, 'served', '2012-05', '2012-12') / meanOfMonths(of, 'frozen', '2012-05', '2012-12');

    test.each([3, 6, 8])(
      'a rollout with %i days of canary keeps the error under 55 % of the frozen model',
      (days) => {
        const played = outcome(days);
        expect(share(played)).toBeLessThan(0.55);
        expect(played.promotions.length).toBeGreaterThanOrEqual(2);
        // No storm: the policy asks for fewer than one retraining a month.
        expect(played.reviews.length).toBeLessThan(21);
      },
    );

    test('the reviews find a changed world and say so with numbers, and summer drifts', () => {
      const { reviews, reports } = outcome(6);
      for (const review of reviews) {
        expect(review.verdict).toBe('WORLD_CHANGED');
        expect(review.evidence[0]).toMatch(/^mae over the 14 labelled rows of 201\d-.* % worse than /);
      }
      const july = reports.filter(({ to }) => to >= Date.UTC(2012, 5, 20) && to < Date.UTC(2012, 7, 20));
      expect(
        july.some(({ features }) =>
          features.some(({ feature, drifted }) => drifted && feature === 'temp_min'),
        ),
      ).toBe(true);
    });
  },
);
