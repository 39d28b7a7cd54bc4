import type { PlatformError } from '@perennial/kernel';

/** What becomes of a message whose handling failed. */
export type Verdict = { readonly kind: 'again'; readonly delayMs: number } | { readonly kind: 'park' };

/** Our own bugs: most that mend themselves do so at once; the rest is parked within half a minute. */
const delaysMs = [200, 1_000, 5_000, 15_000] as const;
/** A dependency that is away comes back; it is waited for about 18 minutes before its message is set aside. */
const dependencyAttemptsMax = 40;
const dependencyDelayMsMin = 250;
const dependencyDelayMsMax = 30_000;
const atOnceMs = 20;

/** Decides from the error and from how often the message failed, this time included. */
export function verdictOn(error: PlatformError, failures: number): Verdict {
  if (error.retry === 'never') return { kind: 'park' };
  if (error.fault === 'dependency') {
    if (failures >= dependencyAttemptsMax) return { kind: 'park' };
    const doubled = dependencyDelayMsMin * 2 ** Math.min(failures - 1, 10);
    return { kind: 'again', delayMs: Math.min(error.retryAfterMs ?? doubled, dependencyDelayMsMax) };
  }
  const delayMs = delaysMs[failures - 1];
  if (delayMs === undefined) return { kind: 'park' };
  return { kind: 'again', delayMs: error.retry === 'now' ? atOnceMs : delayMs };
}
