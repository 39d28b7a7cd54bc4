import type { WindowFeature } from '@perennial/spec';
import { exactSum, squareMagnitudeMax, squareUnit } from './exact-sum.js';

/** What a window feature gives of its values. */
export type Aggregate = Pick<WindowFeature, 'as' | 'quantile'>;

/** A value in a window: its number where it has one, its text where the column is text. */
export interface WindowValue {
  readonly number: number | null;
  readonly text: string | null;
}

/**
 * What a window gives for its values, oldest first, of which each is there. Null where there is nothing to take it
 * of; a count then is 0. `sql/window-sql.ts` says the same in SQL.
 */
export function aggregate(
  { as, quantile = 0.5 }: Aggregate,
  values: readonly WindowValue[],
): number | string | null {
  switch (as) {
    case 'count':
      return values.length;
    case 'last':
      return plain(values.at(-1));
    case 'first':
      return plain(values[0]);
    case 'min':
    case 'max':
      return extreme(as, numbersOf(values));
    case 'sum':
    case 'mean': {
      const { count, sum } = exactSum(numbersOf(values));
      if (count === 0) return null;
      return as === 'sum' ? sum : sum / count;
    }
    case 'distinct':
      return new Set(values.map(plain)).size;
    case 'std': {
      const variance = varianceOf(numbersOf(values), 1);
      return variance === null ? null : Math.sqrt(variance);
    }
    case 'var':
      return varianceOf(numbersOf(values), 1);
    case 'var-pop':
      return varianceOf(numbersOf(values), 0);
    case 'quantile':
      return quantileOf(numbersOf(values), quantile);
  }
}

function plain(value: WindowValue | undefined): number | string | null {
  return value ? (value.text ?? value.number) : null;
}

function numbersOf(values: readonly WindowValue[]): number[] {
  return values.flatMap(({ number }) => (number === null ? [] : [number]));
}

function extreme(as: 'min' | 'max', numbers: readonly number[]): number | null {
  if (numbers.length === 0) return null;
  return numbers.reduce((a, b) => (as === 'min' ? Math.min(a, b) : Math.max(a, b)));
}

/** Divided by n - `lost`; null where that is nothing. */
function varianceOf(numbers: readonly number[], lost: 0 | 1): number | null {
  const { count, sum } = exactSum(numbers);
  if (count <= lost) return null;
  const squares = exactSum(
    numbers.map((number) => number * number),
    { of: squareUnit, max: squareMagnitudeMax },
  );
  return Math.max((squares.sum - (sum * sum) / count) / (count - lost), 0);
}

/** Between the two nearest by their distance (Hyndman and Fan's 7th), as DuckDB's `quantile_cont`. */
function quantileOf(numbers: readonly number[], quantile: number): number | null {
  if (numbers.length === 0) return null;
  const sorted = Float64Array.from(numbers).sort();
  const place = (sorted.length - 1) * quantile;
  const [below, above] = [Math.floor(place), Math.ceil(place)];
  const [low, high] = [sorted[below] as number, sorted[above] as number];
  if (below === above) return low;
  const share = place - below;
  return low * (1 - share) + high * share;
}
