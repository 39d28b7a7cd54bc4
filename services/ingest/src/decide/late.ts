import { invalid, limits, type PlatformError } from '@perennial/kernel';
import type { Late } from '@perennial/spec';
import type { ArrivingRow } from './arriving-row.js';
import type { Arrival } from './segments-of-batch.js';

/** What `segment.recorded` says of rows that are to be held because they came late. */
export const holdLate = 'late';

/** Behind which event time (ms since the epoch) rows are late; none is before the first row came. */
export function watermarkOf({ watermarkMs }: Late, newest: number | undefined): number {
  return newest === undefined || watermarkMs === undefined ? Number.NEGATIVE_INFINITY : newest - watermarkMs;
}

/**
 * The newest event time (ms since the epoch) that such rows move the watermark to. One further ahead of the platform's
 * clock when it came than clocks differ does not count: it is held back for that later on, and after a single one every
 * good row would be late.
 */
export function newestOf(
  rows: readonly Pick<ArrivingRow, 'eventTime' | 'arrivedAt'>[],
  before?: number,
): number | undefined {
  let newest = before;
  for (const { eventTime, arrivedAt } of rows) {
    if (eventTime <= newestThatCounts(arrivedAt)) newest = Math.max(newest ?? eventTime, eventTime);
  }
  return newest;
}

/** The last event time that moves the watermark, of rows that came at `arrivedAt`; both in ms since the epoch. */
export function newestThatCounts(arrivedAt: number): number {
  return arrivedAt + limits.eventTimeAheadMsMax;
}

/** Why a late row was not taken, where the policy is to refuse. */
export function lateRow(eventTime: number, watermark: number): PlatformError {
  const iso = (ms: number) => new Date(ms).toISOString();
  return invalid(
    'ROW_LATE',
    `the row of ${iso(eventTime)} lies behind ${iso(watermark)}, the watermark of this source, which refuses late rows`,
  );
}

/** What a source says of late rows, and the newest event time that counted before (ms since the epoch). */
export interface LateSource {
  readonly late: Late;
  readonly newest: number | undefined;
}

export interface JudgedArrivals {
  /** Those that go on; late ones of a source that quarantines are marked to be held. */
  readonly kept: readonly Arrival[];
  readonly refused: readonly { arrival: Arrival; error: PlatformError }[];
  /** Kept or refused. */
  readonly late: readonly Arrival[];
}

/**
 * Judges rows in the order of the stream, in which the watermark moves along: whatever batches they come in, the same
 * rows are late. Labels never are.
 */
export function judgeLate(
  arrivals: readonly Arrival[],
  sources: ReadonlyMap<string, LateSource>,
  isTaken: (arrival: Arrival) => boolean,
): JudgedArrivals {
  const newest = new Map([...sources].map(([name, source]) => [name, source.newest]));
  const judged = {
    kept: [] as Arrival[],
    refused: [] as JudgedArrivals['refused'][number][],
    late: [] as Arrival[],
  };
  for (const arrival of arrivals) {
    const { source, kind, row } = arrival;
    const said = sources.get(source);
    if (!said || kind !== 'rows' || said.late.watermarkMs === undefined || isTaken(arrival)) {
      judged.kept.push(arrival);
      continue;
    }
    const before = newest.get(source);
    const watermark = watermarkOf(said.late, before);
    newest.set(source, newestOf([row], before));
    if (row.eventTime >= watermark) {
      judged.kept.push(arrival);
      continue;
    }
    judged.late.push(arrival);
    const { policy } = said.late;
    if (policy === 'refuse') judged.refused.push({ arrival, error: lateRow(row.eventTime, watermark) });
    else judged.kept.push(policy === 'quarantine' ? { ...arrival, hold: holdLate } : arrival);
  }
  return judged;
}
