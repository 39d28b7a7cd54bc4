import { setTimeout } from 'node:timers/promises';
import { asPlatformError } from '@perennial/kernel';
import { requestLimits } from './limits.js';

/** Asks the registry again while it is away, for as long as the work is ours. @throws what is no absence, or an abort */
export async function persist<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  for (
    let delayMs: number = requestLimits.retryMsMin;
    ;
    delayMs = Math.min(2 * delayMs, requestLimits.pollMsMax)
  ) {
    try {
      return await ask();
    } catch (thrown) {
      if (asPlatformError(thrown).fault !== 'dependency') throw thrown;
    }
    await setTimeout(delayMs, undefined, { signal });
  }
}
