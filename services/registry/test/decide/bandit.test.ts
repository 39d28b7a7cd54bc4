import { expect, test } from 'vitest';
import { nextWeights, rewardsMin, type VariantReward, type Weighted } from '../../src/decide/bandit.js';

/** A stream of numbers for simulations; another one than the bandit's own. */
function lcg(seed: number): () => number {
  let state = BigInt(seed) * 2n + 1n;
  return () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n);
    return Number(state >> 11n) / 2 ** 53;
  };
}

function drawn(weights: readonly Weighted[], at: number): number {
  let left = at;
  for (const { version, weight } of weights) {
    left -= weight;
    if (left < 0) return version;
  }
  return 1;
}

interface World {
  readonly draw: (version: number, random: () => number) => number;
  readonly means: readonly number[];
  readonly minimize?: boolean;
}

/** Requests one after the other; rewards come 100 requests late, and weights move by the monitor's rule. */
function simulate({ draw, means, minimize = false }: World, requests: number, seed: number) {
  const random = lcg(seed);
  let weights: readonly Weighted[] = means.map((_, at) => ({ version: at + 1, weight: 1 / means.length }));
  const totals: VariantReward[] = means.map((_, at) => ({ version: at + 1, rows: 0, mean: 0, squares: 0 }));
  const late: { version: number; value: number }[] = [];
  let [regret, uniform, told, rows] = [0, 0, 0, 0];
  const best = minimize ? Math.min(...means) : Math.max(...means);
  for (let request = 0; request < requests; request++) {
    const version = drawn(weights, random());
    late.push({ version, value: draw(version, random) });
    regret += Math.abs(best - (means[version - 1] ?? 0));
    uniform += means.reduce((sum, mean) => sum + Math.abs(best - mean), 0) / means.length;
    if (late.length <= 100) continue;
    const { version: of, value } = late.shift() as { version: number; value: number };
    const total = totals[of - 1] as VariantReward;
    const mean = total.mean + (value - total.mean) / (total.rows + 1);
    const squares = total.squares + (value - total.mean) * (value - mean);
    totals[of - 1] = { version: of, rows: total.rows + 1, mean, squares };
    rows += 1;
    if (rows - told < Math.max(20, told / 10)) continue;
    told = rows;
    weights = nextWeights(weights, totals, { minimize, floor: 0.05 }, rows);
  }
  return { weights, regret, uniform };
}

const chances = (...means: number[]): World => ({
  means,
  draw: (version, random) => Number(random() < (means[version - 1] ?? 0)),
});
const seeds = Array.from({ length: 24 }, (_, at) => at + 1);
const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

test('the better variant gets most requests, at less than half of the regret of equal shares', () => {
  const runs = seeds.map((seed) => simulate(chances(0.1, 0.2), 5_000, seed));
  expect(meanOf(runs.map(({ weights }) => weights[1]?.weight ?? 0))).toBeGreaterThan(0.9);
  expect(meanOf(runs.map(({ regret, uniform }) => regret / uniform))).toBeLessThan(0.5);
});

test('of numbers where less is better, the smallest mean wins among three', () => {
  const means = [10, 9, 11];
  const world: World = {
    means,
    minimize: true,
    draw: (version, random) =>
      (means[version - 1] ?? 0) + 6 * (random() + random() + random() + random() - 2),
  };
  const runs = seeds.map((seed) => simulate(world, 5_000, seed));
  expect(meanOf(runs.map(({ weights }) => weights[1]?.weight ?? 0))).toBeGreaterThan(0.8);
  expect(meanOf(runs.map(({ regret, uniform }) => regret / uniform))).toBeLessThan(0.5);
});

test('two equal variants stay near equal', () => {
  const shares = seeds.map((seed) => simulate(chances(0.3, 0.3), 5_000, seed).weights[0]?.weight ?? 0);
  expect(Math.abs(meanOf(shares) - 0.5)).toBeLessThan(0.1);
  expect(shares.filter((share) => share < 0.15 || share > 0.85).length / shares.length).toBeLessThan(0.1);
});

const reward = (version: number, rows: number, mean: number): VariantReward => ({
  version,
  rows,
  mean,
  squares: rows * mean * (1 - mean),
});
const equal = [
  { version: 1, weight: 0.5 },
  { version: 2, weight: 0.5 },
];
const settings = { minimize: false, floor: 0.1 };

test('the same rewards and seed give the same weights', () => {
  const rewards = [reward(1, 200, 0.1), reward(2, 200, 0.2)];
  expect(nextWeights(equal, rewards, settings, 7)).toEqual(nextWeights(equal, rewards, settings, 7));
});

test('nothing moves while a variant has too few rewards, or none', () => {
  expect(nextWeights(equal, [reward(1, 500, 0.9)], settings, 1)).toBe(equal);
  const few = [reward(1, 500, 0.9), reward(2, rewardsMin - 1, 0)];
  expect(nextWeights(equal, few, settings, 1)).toBe(equal);
});

test('one step moves no weight by more than a tenth, and none ends below the floor', () => {
  let weights: readonly Weighted[] = equal;
  const rewards = [reward(1, 10_000, 0.9), reward(2, 10_000, 0.1)];
  for (let step = 1; step <= 10; step++) {
    const next = nextWeights(weights, rewards, settings, step);
    next.forEach(({ weight }, at) => {
      expect(Math.abs(weight - (weights[at]?.weight ?? 0))).toBeLessThanOrEqual(0.1 + 1e-12);
    });
    expect(meanOf(next.map(({ weight }) => weight))).toBeCloseTo(0.5, 12);
    weights = next;
  }
  expect(weights.map(({ weight }) => Math.round(weight * 100) / 100)).toEqual([0.9, 0.1]);
  // There is nothing left to change.
  expect(nextWeights(weights, rewards, settings, 11)).toBe(weights);
});
