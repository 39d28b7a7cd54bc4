/** What is left of a rate: tokens that flow in by the second, up to a burst. Times in milliseconds. */
export interface Bucket {
  readonly tokens: number;
  readonly at: number;
}

export interface Rate {
  /** Tokens that flow in in a second; above 0. */
  readonly perSecond: number;
  /** The most that can gather. */
  readonly burst: number;
}

/** The bucket as it stands now; a clock that went back adds nothing. */
export function filled(bucket: Bucket | undefined, { perSecond, burst }: Rate, now: number): Bucket {
  if (!bucket) return { tokens: burst, at: now };
  const flown = (Math.max(0, now - bucket.at) / 1_000) * perSecond;
  return { tokens: Math.min(burst, bucket.tokens + flown), at: now };
}

/** Takes one token, or says how long until there is one, in milliseconds. */
export function take(
  bucket: Bucket | undefined,
  rate: Rate,
  now: number,
): { readonly bucket: Bucket; readonly waitMs: number } {
  const { tokens, at } = filled(bucket, rate, now);
  if (tokens >= 1) return { bucket: { tokens: tokens - 1, at }, waitMs: 0 };
  return { bucket: { tokens, at }, waitMs: Math.ceil(((1 - tokens) / rate.perSecond) * 1_000) };
}

/** What was used of a day, which begins at midnight UTC. */
export interface DayUse {
  readonly day: number;
  readonly used: number;
}

const dayMs = 86_400_000;

export function useOfDay(use: DayUse | undefined, now: number): DayUse {
  const day = Math.floor(now / dayMs);
  return use?.day === day ? use : { day, used: 0 };
}

/** Milliseconds until the next day. */
export function untilNextDay(now: number): number {
  return dayMs - (((now % dayMs) + dayMs) % dayMs);
}
