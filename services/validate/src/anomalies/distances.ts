import type { ColumnSketches } from '../profile/set-profile.js';

/** Intervals of numbers that are compared; the same for both sets. */
const bins = 10;

/** How much of a column lies where; missing values are none of its values. */
interface Shares {
  readonly shares: ReadonlyMap<string, number>;
  readonly count: number;
}

/** Values of both columns that can be counted one by one: texts, booleans, few different numbers; undefined elsewhere. */
function valueShares(column: ColumnSketches): Shares | undefined {
  const { numbers, texts, booleans } = column;
  const counts = new Map<string, number>();
  if (texts) {
    const { values, error, isExact } = texts.top(1_000);
    if (!isExact && error > 0.01 * texts.count) return undefined;
    for (const { value, count } of values) counts.set(`text ${value}`, count);
  }
  if (numbers) {
    const exact = numbers.exactCounts();
    if (!exact) return undefined;
    for (const [value, count] of exact) counts.set(`number ${value}`, count);
  }
  if (booleans) {
    counts.set('true', booleans.yes);
    counts.set('false', booleans.no);
  }
  const count = [...counts.values()].reduce((sum, one) => sum + one, 0);
  if (count === 0) return undefined;
  return { count, shares: new Map([...counts].map(([value, n]) => [value, n / count])) };
}

export interface Distance {
  readonly distance: number;
  /** Where the sets differ most. */
  readonly where: string;
}

/**
 * Largest difference of one value's share, as TensorFlow Data Validation's L-infinity; of numbers with too many values
 * to be counted, of one of ten intervals. Undefined where a set has no values.
 */
export function lInfinity(one: ColumnSketches, other: ColumnSketches): Distance | undefined {
  const pair = sharesOf(one, other);
  if (!pair) return undefined;
  let worst: Distance = { distance: 0, where: '' };
  for (const [value, p, q] of pairs(pair)) {
    const distance = Math.abs(p - q);
    if (distance > worst.distance) worst = { distance, where: value };
  }
  return worst;
}

/**
 * Jensen-Shannon divergence in bits, 0 to 1 (Lin 1991): of the shares of values, or of the ten intervals from the
 * smallest to the largest of both sets.
 */
export function jensenShannon(one: ColumnSketches, other: ColumnSketches): Distance | undefined {
  const pair = one.numbers && other.numbers ? intervals(one, other) : sharesOf(one, other);
  if (!pair) return undefined;
  let distance = 0;
  let worst = { part: 0, where: '' };
  for (const [value, p, q] of pairs(pair)) {
    const middle = (p + q) / 2;
    const part = (p > 0 ? p * Math.log2(p / middle) : 0) / 2 + (q > 0 ? q * Math.log2(q / middle) : 0) / 2;
    distance += part;
    if (part > worst.part) worst = { part, where: value };
  }
  return { distance: Math.max(0, distance), where: worst.where };
}

/** Difference of the numbers of values, over the larger one. */
export function absoluteDifference(one: number, other: number): number {
  const larger = Math.max(one, other);
  return larger === 0 ? 0 : Math.abs(one - other) / larger;
}

function sharesOf(one: ColumnSketches, other: ColumnSketches): [Shares, Shares] | undefined {
  const [a, b] = [valueShares(one), valueShares(other)];
  if (a && b) return [a, b];
  return one.numbers && other.numbers ? intervals(one, other) : undefined;
}

function intervals(
  { numbers: one }: ColumnSketches,
  { numbers: other }: ColumnSketches,
): [Shares, Shares] | undefined {
  if (!one || !other || one.moments.count === 0 || other.moments.count === 0) return undefined;
  const [low, high] = [
    Math.min(one.moments.min, other.moments.min),
    Math.max(one.moments.max, other.moments.max),
  ];
  if (low === high) return [whole(one.moments.count, low), whole(other.moments.count, low)];
  const edges = Array.from({ length: bins + 1 }, (_, i) =>
    i === bins ? high : low + ((high - low) * i) / bins,
  );
  const shares = (histogram: readonly number[]): Shares => {
    const count = histogram.reduce((sum, n) => sum + n, 0);
    return {
      count,
      shares: new Map(
        histogram.map((n, i) => [`${short(edges[i])} to ${short(edges[i + 1])}`, Math.max(0, n) / count]),
      ),
    };
  };
  return [shares(one.histogram(edges)), shares(other.histogram(edges))];
}

function whole(count: number, value: number): Shares {
  return { count, shares: new Map([[`number ${value}`, 1]]) };
}

function* pairs([one, other]: [Shares, Shares]): Generator<[string, number, number]> {
  for (const value of new Set([...one.shares.keys(), ...other.shares.keys()])) {
    yield [value.replace(/^(text|number) /, ''), one.shares.get(value) ?? 0, other.shares.get(value) ?? 0];
  }
}

function short(value = 0): string {
  return String(Number(value.toPrecision(4)));
}
