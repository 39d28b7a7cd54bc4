/** A file that was found. */
export interface Seen {
  readonly name: string;
  /** Tells that its content changed. */
  readonly mark: string;
  /** Ms since the epoch. */
  readonly modifiedAt: number;
}

/** What is remembered of a file with this name. */
export interface Known {
  /** `taking`: a killed process left it so; whether its rows came in is not known. */
  readonly status: 'taking' | 'taken' | 'refused' | 'changed';
  readonly mark: string;
}

export type Verdict = 'take' | 'wait' | 'pass' | 'changed';

/**
 * What to do with a file. A file is taken once by its name: one that grew after it was taken would bring its first rows
 * again, so that new content is told and not taken. One that was refused is tried again when it changed, and one whose
 * taking was cut off while it is as it was: the same content twice is the same rows.
 *
 * A file that is still being written is waited for: until it has been left alone for `settledMs` and looks as it did
 * before (`markBefore`; undefined where it was not seen before).
 */
export function verdictOn(
  seen: Seen,
  known: Known | undefined,
  { now, settledMs, markBefore }: { now: number; settledMs: number; markBefore: string | undefined },
): Verdict {
  if (known?.mark === seen.mark) return known.status === 'taking' ? 'take' : 'pass';
  if (known && known.status !== 'refused') return 'changed';
  if (settledMs === 0) return 'take';
  return seen.mark === markBefore && now - seen.modifiedAt >= settledMs ? 'take' : 'wait';
}
