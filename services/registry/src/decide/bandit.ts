/** What one variant earned: all labels of rows that it was drawn for, since the variants began to share. */
export interface VariantReward {
  readonly version: number;
  readonly rows: number;
  readonly mean: number;
  /** Sum of the squared deviations from the mean. */
  readonly squares: number;
}

export interface BanditSettings {
  readonly minimize: boolean;
  /** Share of requests that every variant keeps, 0 to 1. */
  readonly floor: number;
}

export interface Weighted {
  readonly version: number;
  readonly weight: number;
}

/** Fewer rewards of one variant say little; and where they stop coming for one alone, nothing moves. */
export const rewardsMin = 20;
/** The largest change of one weight at a time: what a burst of odd labels can do. */
const stepMax = 0.1;
/** A change below this is not worth an epoch. */
const stepMin = 0.01;
/** The error of a probability is then half a percent at most. */
const draws = 10_000;
/**
 * Posteriors are taken twice as wide as they are (Chapelle and Li, An Empirical Evaluation of Thompson Sampling, 2011,
 * reshape them likewise): equal variants then stay near equal, for some more exploration where they are not.
 */
const widening = 2;

/**
 * The next weights of variants by Thompson sampling as probability matching: each variant's weight goes towards the
 * probability that it is the best one, never below the floor. Rewards of 0 and 1 have Beta posteriors, others Gaussian
 * ones with the variance within the variants (Agrawal and Goyal, Further Optimal Regret Bounds, 2013). The same rewards
 * and seed give the same weights. The present ones where too little is known, or too little would change.
 */
export function nextWeights(
  present: readonly Weighted[],
  rewards: readonly VariantReward[],
  { minimize, floor }: BanditSettings,
  seed: number,
): readonly Weighted[] {
  const known = present.map(({ version }) => rewards.find((reward) => reward.version === version));
  const all = known.filter((reward) => reward !== undefined && reward.rows >= rewardsMin) as VariantReward[];
  if (present.length < 2 || all.length < present.length) return present;
  const best = probabilitiesOfBest(all, minimize, seed);
  const least = Math.min(floor, 1 / present.length);
  const target = best.map((share) => least + (1 - present.length * least) * share);
  const largest = Math.max(...target.map((weight, at) => Math.abs(weight - (present[at]?.weight ?? 0))));
  if (largest < stepMin) return present;
  const part = Math.min(1, stepMax / largest);
  return present.map(({ version, weight }, at) => ({
    version,
    weight: weight + part * ((target[at] ?? 0) - weight),
  }));
}

/** How likely each is to have the best mean, by draws from all posteriors. */
function probabilitiesOfBest(rewards: readonly VariantReward[], minimize: boolean, seed: number): number[] {
  const random = randomFrom(seed);
  const posteriors = posteriorsOf(rewards);
  const wins = rewards.map(() => 0);
  for (let draw = 0; draw < draws; draw++) {
    let best = 0;
    let bestValue = Number.NEGATIVE_INFINITY;
    posteriors.forEach(({ mean, deviation }, at) => {
      const value = (minimize ? -1 : 1) * mean + deviation * gaussian(random);
      if (value > bestValue) {
        best = at;
        bestValue = value;
      }
    });
    wins[best] = (wins[best] ?? 0) + 1;
  }
  return wins.map((count) => count / draws);
}

/** Mean and widened deviation of what is believed of each variant's mean. */
function posteriorsOf(rewards: readonly VariantReward[]): { mean: number; deviation: number }[] {
  const areChances = rewards.every(isChance);
  const rows = rewards.reduce((sum, reward) => sum + reward.rows, 0);
  const within = rewards.reduce((sum, { squares }) => sum + squares, 0) / (rows - rewards.length);
  return rewards.map(({ rows: own, mean }) => {
    if (!areChances) return { mean, deviation: widening * Math.sqrt(within / own) };
    // Beta(1 + successes, 1 + failures), as a Gaussian of its mean and variance: with 20 rewards and more they agree.
    const chance = (own * mean + 1) / (own + 2);
    return { mean: chance, deviation: widening * Math.sqrt((chance * (1 - chance)) / (own + 3)) };
  });
}

/** Only zeros and ones have as many squared deviations as their mean says: n p (1 - p). */
function isChance({ rows, mean, squares }: VariantReward): boolean {
  const expected = rows * mean * (1 - mean);
  return mean >= 0 && mean <= 1 && Math.abs(squares - expected) <= 1e-9 * Math.max(1, rows);
}

/** Uniform in [0, 1), by mulberry32: good enough for a probability to half a percent. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Standard normal, by Box and Muller. */
function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
