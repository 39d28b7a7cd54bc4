/** `target = constant + sum of coefficient * term`, without a rest. */
export interface Combination {
  readonly constant: number;
  readonly terms: readonly { readonly index: number; readonly coefficient: number }[];
}

/** More terms than this are a model, and no longer a sum that somebody took. */
const termsMax = 12;
/** What is left of a relation that is exact but for rounding, as a share of the target's deviation. */
const restMax = 1e-6;
/** A column that others give already adds nothing but rounding. */
const independentMin = 1e-7;

/**
 * Whether a target is a linear combination of few columns: orthogonal matching pursuit (Pati, Rezaiifar and
 * Krishnaprasad 1993), which takes the column that explains most of the rest until nothing is left, then drops what it
 * can do without. Values must be finite. Undefined where a rest remains.
 */
export function exactCombination(
  target: Float64Array,
  columns: readonly Float64Array[],
): Combination | undefined {
  const n = target.length;
  const centred = columns.map(centre);
  const y = centre(target);
  const scale = norm(y.values);
  if (n === 0 || scale === 0) return undefined;
  const rest = y.values.slice();
  const left = centred.map(({ values }) => values.slice());
  const first = left.map(norm);
  const taken: number[] = [];
  while (norm(rest) > restMax * scale) {
    if (taken.length === Math.min(termsMax, n - 2)) return undefined;
    const best = bestColumn(left, first, rest, taken);
    if (best === undefined) return undefined;
    taken.push(best);
    const unit = scaled(left[best] as Float64Array);
    subtract(rest, unit);
    for (const column of left) subtract(column, unit);
  }
  const kept = withoutIdle(taken, { centred: centred.map(({ values }) => values), y: y.values, scale });
  const coefficients = leastSquares(
    kept.map((index) => (centred[index] as Centred).values),
    y.values,
  );
  const terms = kept.map((index, at) => ({ index, coefficient: coefficients[at] as number }));
  const constant = terms.reduce(
    (sum, { index, coefficient }) => sum - coefficient * (centred[index] as Centred).mean,
    y.mean,
  );
  return { constant, terms };
}

interface Centred {
  readonly values: Float64Array;
  readonly mean: number;
}

function centre(values: Float64Array): Centred {
  const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  return { mean, values: values.map((value) => value - mean) };
}

function bestColumn(
  left: readonly Float64Array[],
  first: readonly number[],
  rest: Float64Array,
  taken: readonly number[],
): number | undefined {
  let best: number | undefined;
  let most = 0;
  for (const [index, column] of left.entries()) {
    const size = norm(column);
    if (taken.includes(index) || size <= independentMin * (first[index] as number)) continue;
    const explained = Math.abs(dot(column, rest)) / size;
    if (explained > most) [best, most] = [index, explained];
  }
  return best;
}

/** Takes columns away as long as the relation stays exact without them. */
function withoutIdle(
  taken: readonly number[],
  { centred, y, scale }: { centred: readonly Float64Array[]; y: Float64Array; scale: number },
): number[] {
  let kept = [...taken];
  for (const index of taken) {
    const fewer = kept.filter((one) => one !== index);
    const columns = fewer.map((one) => centred[one] as Float64Array);
    const rest = y.slice();
    for (const [at, coefficient] of leastSquares(columns, y).entries()) {
      const column = columns[at] as Float64Array;
      for (let row = 0; row < rest.length; row++)
        (rest[row] as number) -= coefficient * (column[row] as number);
    }
    if (norm(rest) <= restMax * scale) kept = fewer;
  }
  return kept;
}

/** Coefficients of the columns by modified Gram-Schmidt; columns are independent. */
export function leastSquares(columns: readonly Float64Array[], y: Float64Array): number[] {
  const units: Float64Array[] = [];
  const upper = columns.map(() => new Float64Array(columns.length));
  const right = new Float64Array(columns.length);
  const rest = y.slice();
  for (const [at, column] of columns.entries()) {
    const own = column.slice();
    for (const [before, unit] of units.entries()) {
      (upper[before] as Float64Array)[at] = subtract(own, unit);
    }
    const size = norm(own);
    (upper[at] as Float64Array)[at] = size;
    const unit = size === 0 ? own : own.map((value) => value / size);
    units.push(unit);
    right[at] = subtract(rest, unit);
  }
  const solution = new Array<number>(columns.length).fill(0);
  for (let at = columns.length - 1; at >= 0; at--) {
    let sum = right[at] as number;
    for (let after = at + 1; after < columns.length; after++)
      sum -= ((upper[at] as Float64Array)[after] as number) * (solution[after] as number);
    const diagonal = (upper[at] as Float64Array)[at] as number;
    solution[at] = diagonal === 0 ? 0 : sum / diagonal;
  }
  return solution;
}

function scaled(column: Float64Array): Float64Array {
  const size = norm(column);
  return column.map((value) => value / size);
}

/** Takes the part along a unit vector away, and gives its length. */
function subtract(column: Float64Array, unit: Float64Array): number {
  const along = dot(column, unit);
  for (let row = 0; row < column.length; row++) (column[row] as number) -= along * (unit[row] as number);
  return along;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let row = 0; row < a.length; row++) sum += (a[row] as number) * (b[row] as number);
  return sum;
}

function norm(column: Float64Array): number {
  return Math.sqrt(dot(column, column));
}
