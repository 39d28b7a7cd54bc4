import type { LookupFeature } from '@perennial/spec';

/** One version of what is looked up: a row of the lookup's source under the key that was asked for. */
export interface LookupVersion<Value> {
  /** It is valid from here on. */
  readonly eventUs: number;
  /** When it was written; null where nobody said. */
  readonly createdUs: number | null;
  /** Versions of one instant and one time of writing stand in the order of recording. */
  readonly position: string;
  readonly value: Value;
  readonly isDeleted: boolean;
}

type Rules = Pick<LookupFeature, 'edge' | 'ttlMs' | 'created' | 'cutoff'>;

/**
 * The version that is known and valid at `timeUs`: the greatest by event time, time of writing and position of those
 * that began by then and, where the lookup has a time of writing, were written by then (one without that time never
 * was). Undefined where there is none, where it is older than the time to live (which itself still counts), or where
 * it says that the thing is gone. `sql/lookup-sql.ts` says the same in SQL.
 */
export function lookUp<Value>(
  { edge, ttlMs, created, cutoff }: Rules,
  versions: Iterable<LookupVersion<Value>>,
  timeUs: number,
): LookupVersion<Value> | undefined {
  const isCut = created !== undefined && cutoff !== 'none';
  let winner: LookupVersion<Value> | undefined;
  for (const version of versions) {
    const begins = edge === 'exclusive' ? version.eventUs < timeUs : version.eventUs <= timeUs;
    const isKnown = !isCut || (version.createdUs !== null && version.createdUs <= timeUs);
    if (begins && isKnown && (winner === undefined || isAfter(version, winner))) winner = version;
  }
  if (winner === undefined || winner.isDeleted) return undefined;
  return ttlMs !== undefined && timeUs - winner.eventUs > Math.round(ttlMs * 1_000) ? undefined : winner;
}

function isAfter(a: LookupVersion<unknown>, b: LookupVersion<unknown>): boolean {
  if (a.eventUs !== b.eventUs) return a.eventUs > b.eventUs;
  const [written, other] = [a.createdUs ?? Number.NEGATIVE_INFINITY, b.createdUs ?? Number.NEGATIVE_INFINITY];
  return written === other ? a.position > b.position : written > other;
}
