import type { Profile } from '../profile/profile.js';
import { sketchQuantiles } from '../profile/sketch.js';
import { isCount, type UnitSuspect } from '../rules/column-rules.js';
import { type RecentLevel, recentLevel } from '../rules/recent.js';
import type { Standing } from '../rules/standing.js';
import { variesAboutLevel } from '../rules/tails.js';
import type { Schema } from '../schema/learned.js';
import { shiftedUnits, type UnitRelation, unitRelation } from './units.js';

/** Quantiles that two sets are compared at; the tails say little about a set's unit. */
const shares = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);
/** A set is suspect when it lies farther from the verified rows than their own spread, and the conversion explains all but this share of that. */
const unexplainedShareMax = 0.25;
/** The set's first rows, which are compared with the last verified ones: a season passes, a unit jumps. */
export const firstRows = 30;

/** What is known of one column of a large segment. */
export interface SetColumn {
  /** Evenly spaced quantiles of the segment. */
  readonly quantiles: readonly number[];
  /** The values of its first rows in event-time order. */
  readonly first: readonly number[];
}

/**
 * The unit change, if any, that explains a column of a large segment as a whole: among a hundred thousand rows some
 * always look converted, so that rows are not asked one by one.
 */
export function shiftedSet(
  column: string,
  set: SetColumn,
  known: { schema: Schema; profile: Profile; standing: Standing; level: RecentLevel | undefined },
): UnitSuspect | undefined {
  const range = known.schema.columns[column]?.range;
  const sketch = known.profile.columns[column]?.sketch;
  if (!range || !sketch || set.quantiles.length === 0 || !variesAboutLevel(sketch)) return undefined;
  const [low, middle, high] = sketchQuantiles(sketch, [0.05, 0.5, 0.95]) as [number, number, number];
  const verified = sketchQuantiles(sketch, shares);
  const level = known.level ?? { center: middle, spread: (high - low) / 3.3, count: known.profile.rows };
  const sent = shares.map((q) => set.quantiles[Math.floor(q * set.quantiles.length)] ?? Number.NaN);
  const distance = (scale: number, offset: number) =>
    sent.reduce((sum, value, i) => sum + Math.abs(scale * value + offset - (verified[i] ?? Number.NaN)), 0) /
    sent.length;
  if (known.level && isCount(known.level, range)) return undefined;
  const raw = distance(1, 0);
  const explains = ({ scale, offset }: UnitRelation, share: number) => distance(scale, offset) < share * raw;
  const open = known.standing.suspicions.find((suspicion) => suspicion.column === column);
  const opened = open && unitRelation(open.relation);
  const relation =
    opened && explains(opened, 1)
      ? opened
      : shiftedUnits.find(
          (one) =>
            one.verified.low <= range.min &&
            range.max <= one.verified.high &&
            raw > high - low &&
            explains(one, unexplainedShareMax) &&
            jumps(one, set.first, level),
        );
  return relation && wholeColumn(relation, level, range);
}

function jumps({ scale, offset }: UnitRelation, first: readonly number[], level: RecentLevel): boolean {
  const begin = recentLevel(first);
  if (!begin) return true;
  const raw = Math.abs(begin.center - level.center);
  return Math.abs(scale * begin.center + offset - level.center) < raw;
}

/** A suspect that holds every value. */
function wholeColumn(
  relation: UnitRelation,
  level: RecentLevel,
  { low, high }: { low: number; high: number },
): UnitSuspect {
  const [rawLow, rawHigh] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  return { relation, level, low, high, ratio: Number.POSITIVE_INFINITY, distance: 0, rawLow, rawHigh };
}
