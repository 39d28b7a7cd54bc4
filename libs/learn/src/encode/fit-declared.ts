import { invalid } from '@perennial/kernel';
import type { Column } from '@perennial/onnx';
import { fitScale } from '../linear/scaling.js';
import { frequencyCodes, keptKeys, keptNumbers, ordinalCodes, targetCodes } from './declared-codes.js';
import { byCodes, type Fitted, imputed, oneHotNumbers, oneHotTexts, scaled } from './fitted.js';
import type { Encode } from './kinds.js';

/**
 * Fits a declared encoding on the column of the training rows.
 *
 * @throws PlatformError ENCODING_INVALID where the column is of another kind, or has nothing to fit on
 */
export function fitDeclared(name: string, encode: Encode, column: Column, label: Float64Array): Fitted {
  const texts = (): readonly string[] => {
    if (!(column instanceof Float64Array)) return column;
    throw refused(name, `${encode.kind} takes texts, and the training rows have numbers; use one-hot`);
  };
  const numbers = (): Float64Array => {
    if (column instanceof Float64Array) return column;
    throw refused(name, `${encode.kind} takes numbers, and the training rows have texts`);
  };
  switch (encode.kind) {
    case 'one-hot':
      return fitOneHot(name, encode.max, column, label);
    case 'ordinal':
      return byCodes(ordinalCodes(texts(), label));
    case 'frequency':
      return byCodes(frequencyCodes(texts(), label));
    case 'target':
      return byCodes(targetCodes(texts(), label, encode.priorRows));
    case 'standard': {
      const { mean, sd } = fitScale(numbers());
      return scaled(mean, sd);
    }
    case 'min-max': {
      const known = someOf(name, numbers());
      const [least, greatest] = [known[0] as number, known.at(-1) as number];
      // A constant column tells nothing; dividing by 1 leaves it at 0.
      return scaled(least, greatest - least || 1);
    }
    case 'impute':
      return imputed(typeof encode.with === 'number' ? encode.with : middleOf(name, encode.with, numbers()));
  }
}

function fitOneHot(name: string, max: number, column: Column, label: Float64Array): Fitted {
  if (column instanceof Float64Array) return oneHotNumbers(keptNumbers(someOf(name, column), max));
  const keys = keptKeys(column, label, max);
  if (keys.length === 0) throw nothing(name);
  return oneHotTexts(keys);
}

function middleOf(name: string, middle: 'mean' | 'median', column: Float64Array): number {
  const known = someOf(name, column);
  if (middle === 'mean') return fitScale(known).mean;
  const [below, above] = [Math.floor((known.length - 1) / 2), Math.ceil((known.length - 1) / 2)];
  return ((known[below] as number) + (known[above] as number)) / 2;
}

/** The finite values, ascending. */
function someOf(name: string, column: Float64Array): Float64Array {
  const known = column.filter(Number.isFinite).sort();
  if (known.length === 0) throw nothing(name);
  return known;
}

function nothing(name: string): Error {
  return refused(name, 'every value is missing in the training rows; take the feature away or its encoding');
}

function refused(name: string, why: string): Error {
  const field = `features.${name}.encode`;
  return invalid('ENCODING_INVALID', `${field}: ${why}`, { field });
}
