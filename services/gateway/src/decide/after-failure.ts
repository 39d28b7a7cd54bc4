import type { PlatformError } from '@perennial/kernel';

export interface FailedTry {
  readonly error: PlatformError;
  /** Tries before this one. */
  readonly attempt: number;
  /** Since it was submitted. */
  readonly ageMs: number;
}

export interface RetryRules {
  readonly retryMsMin: number;
  readonly retryMsMax: number;
  readonly expiresAfterMs: number;
  readonly faultyAttemptsMax: number;
}

/** How long to wait before the next try, or undefined where there shall be none: this error is the answer. */
export function retryAfterMs({ error, attempt, ageMs }: FailedTry, rules: RetryRules): number | undefined {
  if (error.retry === 'never' || ageMs >= rules.expiresAfterMs) return undefined;
  // What the caller names may still be on its way, and so may we mend what is ours; not for ever.
  if (error.fault !== 'dependency' && attempt + 1 >= rules.faultyAttemptsMax) return undefined;
  return Math.min(rules.retryMsMax, rules.retryMsMin * 2 ** Math.min(attempt, 16));
}
