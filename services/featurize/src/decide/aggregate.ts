import type { WindowFeature } from '@perennial/spec';
import { exactSum, squareMagnitudeMax, squareUnit } from './exact-sum.js';

/** A value in a window: its number where it has one, its text where the column is text. */
export interface WindowValue {
  readonly number: number | null;
  readonly text: string | null;
}

/**
 * What a window gives for its values, oldest first, of which each is there. Null where there is nothing to take it
 * of; a count then is 0. `sql/window-sql.ts` says the same in SQL.
 */
export function aggregate(as: WindowFeature['as'], values: readonly WindowValue[]): number | string | null {
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
    case 'std':
      return deviation(numbersOf(values));
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

/** Of a sample (n - 1); null of fewer than two. */
function deviation(numbers: readonly number[]): number | null {
  const { count, sum } = exactSum(numbers);
  if (count < 2) return null;
  const squares = exactSum(
    numbers.map((number) => number * number),
    { of: squareUnit, max: squareMagnitudeMax },
  );
  return Math.sqrt(Math.max((squares.sum - (sum * sum) / count) / (count - 1), 0));
}
