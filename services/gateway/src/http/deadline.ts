import { invalid } from '@perennial/kernel';
import { gatewayLimits } from '../limits.js';

/** With it a client asks for another time than ours, in whole milliseconds. */
export const timeoutHeader = 'perennial-timeout-ms';

/**
 * When the answer must be there, on performance.now(); `asked` is the header's value.
 *
 * @throws PlatformError TIMEOUT_INVALID
 */
export function deadlineAfter(asked: string | undefined): number {
  if (asked === undefined) return performance.now() + gatewayLimits.predictTimeoutMs;
  const timeoutMs = Number(asked);
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1) {
    throw invalid('TIMEOUT_INVALID', `${timeoutHeader} must be whole milliseconds of 1 or more`, {
      field: timeoutHeader,
    });
  }
  return performance.now() + Math.min(timeoutMs, gatewayLimits.predictTimeoutMsMax);
}
