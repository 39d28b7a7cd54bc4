import { waitFor as waitForState } from '@perennial/kernel';

/** For what never comes, not for what comes late: a machine that does other things too may be ten times slower. */
const withinMsDefault = 60_000;

/** `waitFor` of the kernel with a bound for tests: none of them asserts how long something takes. */
export function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  options: { withinMs?: number; everyMs?: number } = {},
): Promise<T> {
  return waitForState(what, probe, { withinMs: withinMsDefault, ...options });
}
