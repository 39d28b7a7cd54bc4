import { seededShuffle } from './shuffle.js';

/**
 * Shapley values: the share of each player in the value of all of them together. L. S. Shapley, "A value for n-person
 * games", 1953; sampling by permutations and their reverses after Mitchell, Cooper, Frank and Holmes, "Sampling
 * permutations for Shapley value estimation", JMLR 23, 2022.
 */

/** Which players are in: `true` takes the player's own value, `false` the reference's. */
export type Coalition = readonly boolean[];

/** What must be evaluated, and how the values are put together. */
export interface Plan {
  readonly method: 'exact' | 'sampled';
  /** The first holds nobody, the last everybody; every other one in between, each once. */
  readonly coalitions: readonly Coalition[];
  /** One contribution for each player, out of the values of the coalitions in their order. */
  readonly contributions: (values: readonly number[]) => number[];
}

/** Up to so many players every coalition is evaluated: 1,024 of them. */
export const exactPlayersMax = 10;

/**
 * Every coalition where there are few players, permutations beyond that: pairs of one and its reverse, as many as
 * `evaluationsMax` allows, at least one. The same seed gives the same plan.
 */
export function planFor(players: number, evaluationsMax: number, seed: string): Plan {
  return players <= exactPlayersMax ? exactPlan(players) : sampledPlan(players, evaluationsMax, seed);
}

/** `coalitions[mask]` holds player p where bit p of the mask is set. */
function exactPlan(players: number): Plan {
  const count = 2 ** players;
  const coalitions = Array.from({ length: count }, (_, mask) =>
    Array.from({ length: players }, (_, player) => (mask & (1 << player)) !== 0),
  );
  const weights = coalitionWeights(players);
  const contributions = (values: readonly number[]) =>
    Array.from({ length: players }, (_, player) => {
      let sum = 0;
      for (let mask = 0; mask < count; mask++) {
        if (mask & (1 << player)) continue;
        const gain = (values[mask | (1 << player)] as number) - (values[mask] as number);
        sum += (weights[bitCount(mask)] as number) * gain;
      }
      return sum;
    });
  return { method: 'exact', coalitions, contributions: exactly(contributions) };
}

/** By the size s of the coalition that a player joins: s! (n - s - 1)! / n!, without the factorials. */
function coalitionWeights(players: number): number[] {
  const weights: number[] = [];
  for (let size = 0; size < players; size++) {
    let choose = 1;
    for (let k = 0; k < size; k++) choose = (choose * (players - 1 - k)) / (k + 1);
    weights.push(1 / (players * choose));
  }
  return weights;
}

function bitCount(mask: number): number {
  let count = 0;
  for (let rest = mask; rest > 0; rest &= rest - 1) count += 1;
  return count;
}

/** A walk from nobody to everybody, one player joining at a time: where in `coalitions` its steps lie. */
interface Walk {
  readonly order: readonly number[];
  readonly steps: readonly number[];
}

function sampledPlan(players: number, evaluationsMax: number, seed: string): Plan {
  // A walk's ends are everybody's: nobody and all are evaluated once.
  const pairs = Math.max(1, Math.floor(evaluationsMax / (2 * (players - 1))));
  const coalitions: Coalition[] = [Array.from({ length: players }, () => false)];
  const shuffle = seededShuffle(seed);
  const walks: Walk[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const order = shuffle(players);
    for (const one of [order, [...order].reverse()]) walks.push(walkOf(one, coalitions));
  }
  const everybody = coalitions.length;
  coalitions.push(Array.from({ length: players }, () => true));
  const contributions = (values: readonly number[]) => {
    const sums = new Array<number>(players).fill(0);
    for (const { order, steps } of walks) {
      let before = values[0] as number;
      order.forEach((player, at) => {
        const after = values[steps[at] ?? everybody] as number;
        sums[player] = (sums[player] as number) + after - before;
        before = after;
      });
    }
    return sums.map((sum) => sum / walks.length);
  };
  return { method: 'sampled', coalitions, contributions: exactly(contributions) };
}

/** Adds what the walk needs to the coalitions; its last step is everybody and is not among them. */
function walkOf(order: readonly number[], coalitions: Coalition[]): Walk {
  const present = new Array<boolean>(order.length).fill(false);
  const steps = order.slice(0, -1).map((player) => {
    present[player] = true;
    return coalitions.push([...present]) - 1;
  });
  return { order, steps };
}

/**
 * The contributions add up to everybody's value less nobody's by their definition; what rounding left over goes to the
 * largest one, where it is smallest.
 */
function exactly(contributions: (values: readonly number[]) => number[]) {
  return (values: readonly number[]): number[] => {
    const parts = contributions(values);
    const total = (values.at(-1) as number) - (values[0] as number);
    const rest = total - parts.reduce((sum, part) => sum + part, 0);
    let largest = 0;
    parts.forEach((part, at) => {
      if (Math.abs(part) > Math.abs(parts[largest] as number)) largest = at;
    });
    if (parts.length > 0) parts[largest] = (parts[largest] as number) + rest;
    return parts;
  };
}
