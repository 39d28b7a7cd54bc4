import type { GetProgressResponse } from '@perennial/contracts';
import { formatEventTime } from '@perennial/kernel';

/** Everything in hand of one service, summed; 0 means that it is quiet. */
export function inHand(progress: GetProgressResponse): number {
  let total = progress.outboxUnpublished;
  for (const { pending, unacknowledged } of progress.consumers) total += Number(pending) + unacknowledged;
  for (const { count } of progress.work) total += count;
  return total;
}

/** Data time that features of a source are built up to; empty where there is none. */
export interface SourceWatermark {
  readonly rows: string;
  readonly labels: string;
}

export function watermarkOf(progress: GetProgressResponse, source: string): SourceWatermark {
  const at = (name: string) => {
    const time = progress.watermarks.find((watermark) => watermark.source === name)?.eventTime;
    return time ? formatEventTime(Number(time.seconds) * 1000 + Math.floor(time.nanos / 1e6)) : '';
  };
  return { rows: at(source), labels: at(`${source}/labels`) };
}

/** Whether both are at least where the caller wants them; ISO 8601 texts of one form sort by time. */
export function reached(watermark: SourceWatermark, want: Partial<SourceWatermark>): boolean {
  const isAt = (have: string, wanted: string | undefined) =>
    wanted === undefined || (have !== '' && millis(have) >= millis(wanted));
  return isAt(watermark.rows, want.rows) && isAt(watermark.labels, want.labels);
}

function millis(text: string): number {
  return Date.parse(text.length === 10 ? `${text}T00:00:00Z` : text);
}
