import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rebucket, routeBuckets, type Share } from '../../src/decide/buckets.js';

/** Owner of every bucket; fails where two own one. */
function owners(shares: readonly Share[]): number[] {
  const ownerOf = new Array<number>(routeBuckets).fill(0);
  for (const { version, buckets } of shares) {
    for (let at = 0; at < buckets.length; at += 2) {
      const [first = 0, count = 0] = buckets.slice(at, at + 2);
      for (let bucket = first; bucket < first + count; bucket++) {
        expect(ownerOf[bucket]).toBe(0);
        ownerOf[bucket] = version;
      }
    }
  }
  return ownerOf;
}

const countOf = (ownerOf: readonly number[], version: number) =>
  ownerOf.filter((owner) => owner === version).length;

const weights = fc
  .uniqueArray(
    fc.record({ version: fc.integer({ min: 1, max: 6 }), weight: fc.integer({ min: 0, max: 100 }) }),
    { selector: ({ version }) => version, minLength: 1, maxLength: 6 },
  )
  .filter((all) => all.some(({ weight }) => weight > 0));

test('every bucket has one owner, each its weight to one bucket, and only as many move as must', () => {
  fc.assert(
    fc.property(fc.array(weights, { minLength: 2, maxLength: 5 }), (steps) => {
      let before: Share[] = rebucket([], steps[0] ?? []);
      for (const wanted of steps.slice(1)) {
        const after = rebucket(before, wanted);
        const [had, has] = [owners(before), owners(after)];
        const total = wanted.reduce((sum, { weight }) => sum + weight, 0);
        for (const { version, weight } of wanted) {
          expect(Math.abs(countOf(has, version) - (weight / total) * routeBuckets)).toBeLessThan(1);
        }
        expect(has.includes(0)).toBe(false);
        const moved = had.filter((owner, bucket) => owner !== has[bucket]).length;
        const versions = new Set(had);
        const least = [...versions].reduce(
          (sum, version) => sum + Math.max(0, countOf(had, version) - countOf(has, version)),
          0,
        );
        expect(moved).toBe(least);
        before = after;
      }
    }),
    { numRuns: 60, seed: 20120101 },
  );
});

test('the same weights again move nothing', () => {
  const before = rebucket(
    [],
    [
      { version: 1, weight: 3 },
      { version: 2, weight: 1 },
    ],
  );
  expect(
    rebucket(before, [
      { version: 1, weight: 0.75 },
      { version: 2, weight: 0.25 },
    ]),
  ).toEqual(before);
});
