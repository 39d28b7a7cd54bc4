import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NumberSketch } from '../../src/profile/sketches/number-sketch.js';
import { TextSketch } from '../../src/profile/sketches/text-sketch.js';

/** Lehmer's generator: the same values in every run. */
function random(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Columns of many shapes: few and many distinct values, skewed, ordered, far from zero. */
const shapes: Readonly<Record<string, (u: number, i: number) => number>> = {
  uniform: (u) => u,
  skewed: (u) => Math.exp(8 * u),
  ordered: (_, i) => i,
  descending: (_, i) => -i,
  'few values': (u) => Math.floor(u * 40),
  'far from zero': (u) => 1e9 + u,
  'half zero': (u) => (u < 0.5 ? 0 : u),
};

const column = (shape: string, count: number, seed: number): Float64Array => {
  const next = random(seed);
  const of = shapes[shape] as (u: number, i: number) => number;
  return Float64Array.from({ length: count }, (_, i) => of(next(), i));
};

function whole(values: Float64Array, expected = values.length): NumberSketch {
  const sketch = new NumberSketch({ expected });
  for (let from = 0; from < values.length; from += 2048) sketch.addAll(values.subarray(from, from + 2048));
  return sketch;
}

/** The sketch of a column that was cut, sketched in parts, kept and merged. */
function merged(values: Float64Array, cuts: readonly number[]): NumberSketch {
  const edges = [0, ...[...cuts].sort((a, b) => a - b), values.length];
  const sum = new NumberSketch();
  for (const [i, from] of edges.slice(0, -1).entries()) {
    const part = whole(values.subarray(from, edges[i + 1]));
    sum.merge(new NumberSketch({ state: structuredClone(part.state()) }));
  }
  return sum;
}

const relative = (a: number, b: number) => Math.abs(a - b) / Math.max(Math.abs(b), 1e-300);

describe('a sketch of numbers', () => {
  it('merged from any split has the moments of the whole to twelve digits, and its counts exactly', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(shapes)),
        fc.integer({ min: 1, max: 4_000 }),
        fc.integer({ min: 0, max: 1e6 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }),
        (shape, count, seed, cuts) => {
          const values = column(shape, count, seed);
          const one = whole(values);
          const many = merged(
            values,
            cuts.map((cut) => Math.floor(cut * count)),
          );
          expect(many.moments.count).toBe(count);
          expect(many.moments.min).toBe(one.moments.min);
          expect(many.moments.max).toBe(one.moments.max);
          expect(relative(many.moments.mean, one.moments.mean)).toBeLessThan(1e-12);
          if (one.moments.squares > 0) {
            const conditioned = 1e-12 * Math.max(1, (one.moments.mean ** 2 * count) / one.moments.squares);
            expect(relative(many.moments.squares, one.moments.squares)).toBeLessThan(conditioned);
          }
          expect(many.fractional).toBe(one.fractional);
          expect(many.extremes()).toEqual(one.extremes());
          expect(many.distinct()).toEqual(one.distinct());
          expect(many.exactCounts()).toEqual(one.exactCounts());
        },
      ),
      { numRuns: 150 },
    );
  });

  it('has quantiles whose rank is within 1 % in 99 of 100 cases, whole or merged, sampled or not', () => {
    const misses: string[] = [];
    let asked = 0;
    for (const shape of Object.keys(shapes)) {
      for (const [count, parts] of [
        [3_000, 5],
        [40_000, 1],
        [40_000, 30],
        [400_000, 1],
        [400_000, 7],
      ] as const) {
        const values = column(shape, count, count + parts);
        const cuts = Array.from({ length: parts - 1 }, (_, i) => Math.floor(((i + 1) * count) / parts));
        const sketch = parts === 1 ? whole(values) : merged(values, cuts);
        const sorted = values.slice().sort();
        const shares = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);
        for (const [i, found] of sketch.quantiles(shares).entries()) {
          const share = shares[i] as number;
          const low = lowerBound(sorted, found) / count;
          const high = lowerBound(sorted, found, true) / count;
          asked++;
          if (share < low - 0.01 || share > high + 0.01) misses.push(`${shape} ${count}/${parts} ${share}`);
        }
      }
    }
    expect(misses.length / asked, misses.join('; ')).toBeLessThanOrEqual(0.01);
  });

  it('counts distinct values exactly while they are few and within 2 % beyond', () => {
    for (const distinct of [1, 40, 1_024]) {
      const values = Float64Array.from({ length: 20_000 }, (_, i) => (i * 7) % distinct);
      expect(whole(values).distinct()).toEqual({ count: distinct, isExact: true });
    }
    const errors = [2_000, 30_000, 200_000, 1_000_000].map((distinct) => {
      const values = Float64Array.from({ length: distinct }, (_, i) => i * 0.37);
      return Math.abs(whole(values).distinct().count / distinct - 1);
    });
    expect(Math.max(...errors)).toBeLessThan(0.02);
  });

  it('finds every value that makes up more than one in a hundred of a large column', () => {
    const next = random(5);
    const values = Float64Array.from({ length: 300_000 }, () => {
      const u = next();
      return u < 0.02 ? 777 : u < 0.035 ? -1 : u * 1e6;
    });
    const { values: top, error } = whole(values).top(2);
    expect(top.map(({ value }) => value)).toEqual([777, -1]);
    expect(error).toBeLessThanOrEqual(300_000 / 256);
    const { low, high } = whole(values).extremes();
    expect(low[0]).toEqual([-1, values.filter((value) => value === -1).length]);
    expect(high[0]?.[0]).toBe(values.reduce((a, b) => Math.max(a, b)));
  });

  it('leaves NaN and infinities out, and takes 0 and -0 for one value', () => {
    const sketch = new NumberSketch();
    sketch.addAll(
      Float64Array.of(Number.NaN, 0, -0, Number.POSITIVE_INFINITY, 1.5, Number.NEGATIVE_INFINITY),
    );
    expect(sketch).toMatchObject({ nan: 1, infinite: 2, fractional: 1 });
    expect(sketch.exactCounts()).toEqual([
      [0, 2],
      [1.5, 1],
    ]);
    expect(new NumberSketch().quantiles([0.5])).toEqual([Number.NaN]);
  });

  it('gives a histogram whose bins hold every value once', () => {
    const exact = whole(Float64Array.of(1, 1, 2, 3, 5));
    expect(exact.histogram([1, 2, 5])).toEqual([3, 2]);
    const counts = whole(column('uniform', 100_000, 3)).histogram([0, 0.25, 0.5, 0.75, 1]);
    expect(counts.reduce((a, b) => a + b)).toBe(100_000);
    for (const count of counts) expect(Math.abs(count - 25_000)).toBeLessThan(1_500);
  });
});

function lowerBound(sorted: Float64Array, value: number, isUpper = false): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const at = sorted[middle] as number;
    if (isUpper ? at <= value : at < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

describe('a sketch of texts', () => {
  it('merged from any split is that of the whole', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.string({ maxLength: 4 }), { maxLength: 40 }), { maxLength: 6 }),
        (parts) => {
          const one = new TextSketch();
          const sum = new TextSketch();
          for (const part of parts) {
            const sketch = new TextSketch();
            for (const text of part) {
              one.add(text);
              sketch.add(text);
            }
            sum.merge(new TextSketch(structuredClone(sketch.state())));
          }
          expect(sum.top(1_000)).toEqual(one.top(1_000));
          expect(sum.lengths()).toEqual(one.lengths());
          expect(sum.count).toBe(one.count);
        },
      ),
    );
  });

  it('counts many distinct ones within 2 % and keeps the frequent ones, in parts as well', () => {
    const parts = Array.from({ length: 5 }, (_, part) => {
      const sketch = new TextSketch();
      for (let i = 0; i < 20_000; i++) sketch.add(i % 20 === 0 ? 'often' : `id-${part}-${i}`);
      return sketch;
    });
    const sum = new TextSketch();
    for (const part of parts) sum.merge(part);
    expect(Math.abs(sum.distinct().count / 95_001 - 1)).toBeLessThan(0.02);
    const [first] = sum.top(1).values;
    expect(first?.value).toBe('often');
    expect(5_000 - (first?.count ?? 0)).toBeLessThanOrEqual(sum.top(1).error);
    expect(first?.count).toBeLessThanOrEqual(5_000);
  });
});
