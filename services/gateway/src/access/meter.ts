import { type Clock, PlatformError } from '@perennial/kernel';
import type { Meter } from '../decide/access.js';
import { type Bucket, type DayUse, filled, take, untilNextDay, useOfDay } from '../decide/token-bucket.js';

/** How much may be asked of one gateway process. 0 is no limit. */
export interface Allowance {
  readonly requestsPerSecond: number;
  /** Requests that may come at once after a pause. */
  readonly burst: number;
  /** Rows that are predicted or published in a day of UTC. */
  readonly rowsPerDay: number;
  readonly requestsAtOnce: number;
}

/** Counts what one key asks of this process, and refuses what goes over its allowance. */
export class KeyMeter implements Meter {
  readonly #name: string;
  readonly #clock: Clock;
  #allowance: Allowance;
  #bucket: Bucket | undefined;
  #day: DayUse | undefined;
  #inHand = 0;

  constructor(name: string, allowance: Allowance, clock: Clock) {
    this.#name = name;
    this.#allowance = allowance;
    this.#clock = clock;
  }

  /** What was used stays used. */
  set allowance(allowance: Allowance) {
    this.#allowance = allowance;
  }

  begin(): () => void {
    const { requestsPerSecond, requestsAtOnce } = this.#allowance;
    if (requestsAtOnce > 0 && this.#inHand >= requestsAtOnce) {
      throw exhaustedError(
        'REQUESTS_AT_ONCE_EXHAUSTED',
        `"${this.#name}" may have ${requestsAtOnce} requests in work at a time; wait for one of them`,
        100,
      );
    }
    if (requestsPerSecond > 0) {
      const { bucket, waitMs } = take(this.#bucket, this.#rate(), this.#clock.now());
      this.#bucket = bucket;
      if (waitMs > 0) {
        throw exhaustedError(
          'REQUESTS_EXHAUSTED',
          `"${this.#name}" may send ${requestsPerSecond} requests a second; wait ${waitMs} ms`,
          waitMs,
        );
      }
    }
    this.#inHand += 1;
    let isInHand = true;
    return () => {
      if (isInHand) this.#inHand -= 1;
      isInHand = false;
    };
  }

  takeRows(count: number): void {
    const { rowsPerDay } = this.#allowance;
    if (rowsPerDay === 0) return;
    const now = this.#clock.now();
    const { used } = useOfDay(this.#day, now);
    if (used + count > rowsPerDay) {
      throw exhaustedError(
        'ROWS_EXHAUSTED',
        `"${this.#name}" may send ${rowsPerDay} rows a day (UTC), of which ${Math.max(0, rowsPerDay - used)} are left`,
        untilNextDay(now),
      );
    }
    this.spendRows(count);
  }

  spendRows(count: number): void {
    const { day, used } = useOfDay(this.#day, this.#clock.now());
    this.#day = { day, used: used + count };
  }

  /** draft-ietf-httpapi-ratelimit-headers: what is allowed, and what is left of it for how many seconds. */
  headers(): Record<string, string> {
    const { requestsPerSecond, rowsPerDay, requestsAtOnce } = this.#allowance;
    const now = this.#clock.now();
    const policies: string[] = [];
    const left: string[] = [];
    if (requestsPerSecond > 0) {
      const { perSecond, burst } = this.#rate();
      const { tokens } = filled(this.#bucket, { perSecond, burst }, now);
      policies.push(`"requests";q=${burst};w=${Math.ceil(burst / perSecond)}`);
      left.push(`"requests";r=${Math.floor(tokens)};t=${Math.ceil((burst - tokens) / perSecond)}`);
    }
    if (rowsPerDay > 0) {
      const { used } = useOfDay(this.#day, now);
      policies.push(`"rows";q=${rowsPerDay};w=86400`);
      left.push(`"rows";r=${Math.max(0, rowsPerDay - used)};t=${Math.ceil(untilNextDay(now) / 1_000)}`);
    }
    if (requestsAtOnce > 0) {
      policies.push(`"at-once";q=${requestsAtOnce};qu="concurrent-requests"`);
      left.push(`"at-once";r=${Math.max(0, requestsAtOnce - this.#inHand)}`);
    }
    return { 'ratelimit-policy': policies.join(', '), ratelimit: left.join(', ') };
  }

  #rate() {
    return { perSecond: this.#allowance.requestsPerSecond, burst: this.#allowance.burst };
  }
}

function exhaustedError(code: string, message: string, retryAfterMs: number): PlatformError {
  return new PlatformError(code, 'caller', 'after', message, { retryAfterMs });
}
