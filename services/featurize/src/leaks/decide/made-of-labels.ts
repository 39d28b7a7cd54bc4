import { exactCombination, leastSquares } from './exact-combination.js';

/** Labels in the order in which they came to be: of each entity by itself, by time. */
export interface LabelRuns {
  readonly labels: Float64Array;
  readonly timesUs: Float64Array;
  /** Rows of one entity have the same number, and stand together. */
  readonly entities: Int32Array;
}

/** The feature is `sum of coefficient * the label so many rows later`; its own row's is shift 0. */
export interface MadeOfLabels {
  readonly terms: readonly { readonly shift: number; readonly coefficient: number }[];
  /** It is a running sum: not it but its step from row to row is so made. */
  readonly isRunning: boolean;
  readonly rows: number;
}

/** A day of hours to either side. */
const shiftMax = 24;
/** Rows for each label that may take part: with fewer anything is a combination of something. */
const rowsPerShift = 4;
const restMax = 1e-6;

/** Looks for features that are combinations of labels, of which one at least is not known before the row's own is. */
export function labelReader(runs: LabelRuns): (feature: Float64Array) => MadeOfLabels | undefined {
  const reach = Math.min(shiftMax, Math.floor(runs.labels.length / rowsPerShift / 4));
  const shifts = Array.from({ length: 2 * reach + 1 }, (_, at) => at - reach);
  const centres = reach < 1 ? [] : centresOf(runs, reach);
  return (feature) =>
    made(feature, { centres, shifts, runs, isRunning: false }) ??
    made(stepsOf(feature), { centres, shifts, runs, isRunning: true });
}

interface Search {
  readonly centres: readonly number[];
  readonly shifts: readonly number[];
  readonly runs: LabelRuns;
  readonly isRunning: boolean;
}

function made(feature: Float64Array, { centres, shifts, runs, isRunning }: Search): MadeOfLabels | undefined {
  const rows = centres.filter((row) => Number.isFinite(feature[row]));
  if (rows.length < rowsPerShift * shifts.length) return undefined;
  const target = Float64Array.from(rows, (row) => feature[row] as number);
  const columns = shifts.map((shift) => Float64Array.from(rows, (row) => runs.labels[row + shift] as number));
  // All labels together are asked first: most features are no combination, and are done with here.
  if (!isWithin(target, columns)) return undefined;
  const found = exactCombination(target, columns);
  const terms = found?.terms.map(({ index, coefficient }) => ({
    shift: shifts[index] as number,
    coefficient,
  }));
  if (!terms?.some(({ shift }) => shift >= 0)) return undefined;
  return { terms, isRunning, rows: rows.length };
}

function isWithin(target: Float64Array, columns: readonly Float64Array[]): boolean {
  const ones = new Float64Array(target.length).fill(1);
  const all = [ones, ...columns];
  const coefficients = leastSquares(all, target);
  let [rest, spread] = [0, 0];
  const mean = target.reduce((sum, value) => sum + value, 0) / target.length;
  for (let row = 0; row < target.length; row++) {
    let fitted = 0;
    for (const [at, column] of all.entries())
      fitted += (coefficients[at] as number) * (column[row] as number);
    rest += ((target[row] as number) - fitted) ** 2;
    spread += ((target[row] as number) - mean) ** 2;
  }
  return spread > 0 && Math.sqrt(rest) <= restMax * Math.sqrt(spread);
}

/** Rows with `reach` rows of their entity to either side, of which none shares its moment with the next. */
function centresOf({ labels, timesUs, entities }: LabelRuns, reach: number): number[] {
  const centres: number[] = [];
  let start = 0;
  for (let row = 0; row < labels.length; row++) {
    if (row > 0 && (entities[row] !== entities[row - 1] || timesUs[row] === timesUs[row - 1])) start = row;
    const centre = row - reach;
    if (centre - reach >= start) centres.push(centre);
  }
  return centres;
}

/** From the row before to this one. */
function stepsOf(feature: Float64Array): Float64Array {
  return feature.map((value, row) => (row === 0 ? Number.NaN : value - (feature[row - 1] as number)));
}
