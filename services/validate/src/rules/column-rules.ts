import { shiftedUnits, type UnitRelation, unitRelation } from '../causes/units.js';
import type { Profile } from '../profile/profile.js';
import type { Sketch } from '../profile/sketch.js';
import { type ColumnExpectation, learningRows, type Schema } from '../schema/learned.js';
import type { RecentLevel } from './recent.js';
import type { Standing } from './standing.js';
import { tailsOf, variesAboutLevel } from './tails.js';

/**
 * When a number is held although it has its type: data, so that one row in memory and a hundred thousand in SQL are
 * judged by the same rule.
 */
export interface ColumnRule {
  readonly column: string;
  readonly expectation: ColumnExpectation;
  /** Unit changes that would be seen in this column from this producer now. */
  readonly suspects: readonly UnitSuspect[];
}

/**
 * Held when the converted value lies within [low, high] and its distance from the level is under `ratio` times the
 * raw one's, while the raw one is farther than `distance` from the level and outside [rawLow, rawHigh].
 */
export interface UnitSuspect {
  readonly relation: UnitRelation;
  readonly level: RecentLevel;
  readonly low: number;
  readonly high: number;
  readonly ratio: number;
  readonly distance: number;
  readonly rawLow: number;
  readonly rawHigh: number;
}

/** Counts begin there. */
const countsFrom = 2;
/** Raw values nearer than so many spreads to the level are ordinary. */
const distanceBeyond = 2;
/**
 * Rows that do not follow from one another are mixtures, of cities or classes, whose rarer parts lie far off: from an
 * established producer only a value that passes five spreads is no part of them. Daily temperatures of 2012 to 2015 step
 * by less than this in nineteen of twenty windows (`RecentLevel.leaps`), and in the others Fahrenheit lies that far off.
 */
const leapsMax = 1.3;
const mixtureBeyond = 5;
/** A column of measures has more places than this between its extremes: a hundred of tenths are ten degrees. */
const placesMax = 100;
/** A value nearer to verified ones must be explained clearly better by the conversion, not just better. */
const clearRatio = 0.7;
/** Once suspected, a conversion may fit up to half worse: a cold snap while no rows are verified did (December 2013). */
const openRatio = 1.5;
/** How far an established producer passes the verified extremes, in ranges, before a clearly better fit and before
 * any better fit is held against it. True temperatures passed them by up to a quarter. */
const clearMargin = 0.05;
const anyMargin = 0.25;

/** The rules in force for one producer's rows, given what is verified and where each column stands now. */
export function columnRules(
  schema: Schema,
  profile: Profile,
  levels: Readonly<Record<string, RecentLevel | undefined>>,
  standing: Standing,
): ColumnRule[] {
  return Object.entries(schema.columns).map(([column, expectation]) => ({
    column,
    expectation,
    suspects: suspectsOf(column, expectation, profile, levels[column], standing),
  }));
}

function suspectsOf(
  column: string,
  { range }: ColumnExpectation,
  profile: Profile,
  level: RecentLevel | undefined,
  standing: Standing,
): UnitSuspect[] {
  const sketch = profile.columns[column]?.sketch;
  if (!range || !level || !sketch || !variesAboutLevel(sketch)) return [];
  if (isCount(level, range) || isCoarse(level, range)) return [];
  const bounds = { level, low: range.low, high: range.high };
  const open = standing.suspicions.find((suspicion) => suspicion.column === column);
  const relation = open && unitRelation(open.relation);
  const beyond = distanceBeyond * level.spread;
  if (relation) return [{ ...bounds, ...anyRaw, relation, distance: beyond, ratio: openRatio }];
  const plausible = shiftedUnits.filter(
    ({ verified }) => verified.low <= range.min && range.max <= verified.high,
  );
  if (standing.verifiedRows < learningRows) {
    return plausible.map((relation) => ({
      ...bounds,
      ...outside(range, 0),
      relation,
      distance: beyond,
      ratio: 1,
    }));
  }
  if ((level.leaps ?? 0) > leapsMax) {
    const distance = mixtureBeyond * Math.max(level.spread, spreadOf(sketch));
    return plausible.map((relation) => ({
      ...bounds,
      ...outside(range, anyMargin),
      relation,
      distance,
      ratio: 1,
    }));
  }
  return plausible.flatMap((relation) => [
    { ...bounds, ...outside(range, clearMargin), relation, distance: beyond, ratio: clearRatio },
    { ...bounds, ...outside(range, anyMargin), relation, distance: beyond, ratio: 1 },
  ]);
}

/** Whole numbers from zero or one on are counts and codes, which leap as far as any unit would. */
export function isCount({ isWhole }: RecentLevel, { min }: { min: number }): boolean {
  return isWhole === true && min >= 0 && min <= countsFrom;
}

/** Of everything verified: 3.3 standard deviations lie between the 5 and 95 % quantiles of a normal. */
function spreadOf(sketch: Sketch): number {
  const { low, high } = tailsOf(sketch);
  return (high - low) / 3.3;
}

/**
 * Few values for as wide a range: sums of whole prices, marks, codes. They leap from one to another in one row, as a
 * mixture of cases does, and a thermometer does not.
 */
function isCoarse({ step = 0 }: RecentLevel, { min, max }: { min: number; max: number }): boolean {
  return max - min <= placesMax * step;
}

function outside(
  { min, max }: { min: number; max: number },
  margin: number,
): { rawLow: number; rawHigh: number } {
  return { rawLow: min - margin * (max - min), rawHigh: max + margin * (max - min) };
}

/** An empty range, outside which every value lies. */
const anyRaw = { rawLow: Number.POSITIVE_INFINITY, rawHigh: Number.NEGATIVE_INFINITY };

/** The suspect that explains this value, if one does. */
export function explainedBy(value: number, suspects: readonly UnitSuspect[]): UnitSuspect | undefined {
  return suspects.find((suspect) => {
    const converted = suspect.relation.scale * value + suspect.relation.offset;
    const far = Math.abs(value - suspect.level.center);
    return (
      converted >= suspect.low &&
      converted <= suspect.high &&
      Math.abs(converted - suspect.level.center) < suspect.ratio * far &&
      far > suspect.distance &&
      (value < suspect.rawLow || value > suspect.rawHigh)
    );
  });
}
