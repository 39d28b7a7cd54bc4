import type { PlatformError } from '@perennial/kernel';
import { trainerLimits } from './limits.js';

export type AfterFailure =
  | { readonly next: 'retry'; readonly delayMs: number }
  | { readonly next: 'fail'; readonly reason: string };

/**
 * `failures` counts this one. What cannot change is not tried again; a dependency is waited for as long as the run may
 * be begun again; the rest is tried a small number of times.
 */
export function afterFailure(error: PlatformError, failures: number): AfterFailure {
  const { retryMs } = trainerLimits;
  const reason = `${error.code}: ${error.message}`;
  if (error.retry === 'never') return { next: 'fail', reason };
  if (error.fault !== 'dependency' && failures >= trainerLimits.failuresMax) {
    return { next: 'fail', reason: `failed ${failures} times, at last with ${reason}` };
  }
  return { next: 'retry', delayMs: Math.min(trainerLimits.retryMsMax, retryMs * 2 ** (failures - 1)) };
}

/** Why a run that was begun so often is given up, or undefined while it may be begun once more. */
export function givenUpAt(attempt: number, reason: string): string | undefined {
  if (attempt <= trainerLimits.attemptsMax) return undefined;
  return `begun ${trainerLimits.attemptsMax} times without coming to an end${reason && `; at last: ${reason}`}`;
}
