import type { Log } from '@perennial/bus';
import { isTransient } from '@perennial/db';
import { PlatformError } from '@perennial/kernel';

/** A database or bus that restarts is back within seconds; one that is away for longer needs a person. */
const patienceMs = 60_000;
const delayMsMin = 100;
const delayMsMax = 2_000;

/** Tries again while the reason is that Postgres or NATS is not there (yet), for up to a minute. */
export async function patiently<T>(what: string, log: Log, work: () => Promise<T>): Promise<T> {
  const until = performance.now() + patienceMs;
  for (let delayMs = delayMsMin; ; delayMs = Math.min(delayMs * 2, delayMsMax)) {
    try {
      return await work();
    } catch (error) {
      if (!mayPass(error) || performance.now() + delayMs > until) throw error;
      log.warn(`${what} did not succeed; trying again`, { error, delayMs });
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }
}

function mayPass(error: unknown): boolean {
  if (error instanceof PlatformError) return error.fault === 'dependency' && error.retry !== 'never';
  if (isTransient(error)) return true;
  // nats.js tells a lost connection and an unanswered request by the class of the error.
  return error instanceof Error && /Timeout|Connection|NoResponders|Closed|Drain/.test(error.name);
}
