import type { Column, FeatureProfile } from './exchange.js';
import { trainerLimits } from './limits.js';

/** How a feature was distributed in training; the monitor compares with it. Infinite values count as missing. */
export function profileOf(column: Column): FeatureProfile {
  return column instanceof Float64Array ? numberProfile(column) : textProfile(column);
}

function numberProfile(column: Float64Array): FeatureProfile {
  const sorted = column.filter(Number.isFinite).sort();
  let mean = 0;
  let squares = 0;
  for (let at = 0; at < sorted.length; at++) {
    const distance = (sorted[at] as number) - mean;
    mean += distance / (at + 1);
    squares += distance * ((sorted[at] as number) - mean);
  }
  return {
    kind: 'number',
    quantiles:
      sorted.length === 0 ? [] : Array.from({ length: 101 }, (_, percent) => quantile(sorted, percent / 100)),
    mean,
    sd: sorted.length > 1 ? Math.sqrt(squares / (sorted.length - 1)) : 0,
    missing: missingShare(column.length, sorted.length),
  };
}

/** Between the two nearest values, in proportion. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const low = sorted[Math.floor(place)] as number;
  const high = sorted[Math.ceil(place)] as number;
  return low + (high - low) * (place - Math.floor(place));
}

function textProfile(column: readonly string[]): FeatureProfile {
  const counts = new Map<string, number>();
  for (const text of column) counts.set(text, (counts.get(text) ?? 0) + 1);
  const missing = counts.get('') ?? 0;
  counts.delete('');
  const kept = [...counts]
    .sort(([a, rowsA], [b, rowsB]) => rowsB - rowsA || (a < b ? -1 : 1))
    .slice(0, trainerLimits.profileTextsMax);
  return {
    kind: 'text',
    counts: Object.fromEntries(kept),
    missing: missingShare(column.length, column.length - missing),
  };
}

function missingShare(rows: number, present: number): number {
  return rows === 0 ? 0 : (rows - present) / rows;
}
