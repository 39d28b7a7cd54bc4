/** Why a batch was started when it was, with what was in it. Every batch has exactly one. */
export const dispatchReasons = [
  /** An executor was free when its first request came. */
  'free',
  /** Its requests came while every executor was busy. */
  'gathered',
  /** As many rows as a run may have; more wait. */
  'full',
  /** A preferred size was reached. */
  'preferred',
  /** Held for more rows until the hold was over. */
  'held',
  /** Held, until a deadline came near. */
  'deadline',
  /** What waits behind it has another shape. */
  'shape',
  /** It must run by itself. */
  'alone',
  /** Part of a request that is larger than a run. */
  'split',
  /** Once more, by itself, after a failure in company. */
  'retry',
] as const;

export type DispatchReason = (typeof dispatchReasons)[number];

export function reasonOf(o: {
  readonly isRetry: boolean;
  readonly isAlone: boolean;
  readonly isPart: boolean;
  readonly isFull: boolean;
  readonly isPreferred: boolean;
  readonly isMixed: boolean;
  readonly hold: 'none' | 'over' | 'deadline';
  readonly wasFree: boolean;
}): DispatchReason {
  if (o.isRetry) return 'retry';
  if (o.isAlone) return 'alone';
  if (o.isPart) return 'split';
  if (o.isPreferred) return 'preferred';
  if (o.isFull) return 'full';
  if (o.hold !== 'none') return o.hold === 'over' ? 'held' : 'deadline';
  if (o.isMixed) return 'shape';
  return o.wasFree ? 'free' : 'gathered';
}
