const minuteMs = 60_000;
const dayMs = 86_400_000;
/** Changes of clocks fall on whole quarters of an hour since 1972; before, the answer is right to the quarter. */
const bucketMs = 15 * minuteMs;
/** Of one zone; each is a number for a number. A year of hours has 8,766. */
const rememberedMax = 50_000;

interface Zone {
  readonly format: Intl.DateTimeFormat;
  /** Offset from UTC in ms, by bucket of UTC time. */
  readonly offsets: Map<number, number>;
}

const zones = new Map<string, Zone | undefined>();

/** Whether this is the name of a time zone of the IANA database, such as `America/New_York`. */
export function isTimeZone(name: string): boolean {
  return zoneOf(name) !== undefined;
}

/**
 * The moment at which clocks in `zone` showed `localMs` (ms since the epoch of what the clock showed, read as if it were
 * UTC). An hour that comes twice in autumn is its second one, in standard time, as PostgreSQL and DuckDB read it.
 * Undefined for an hour that spring leaves out, and for a zone that does not exist.
 */
export function fromZone(localMs: number, zone: string): number | undefined {
  const known = zoneOf(zone);
  if (!known) return undefined;
  const offsets = [offsetAt(known, localMs - dayMs), offsetAt(known, localMs + dayMs)];
  const moments = offsets
    .map((offset) => localMs - offset)
    .filter((moment, i) => offsetAt(known, moment) === offsets[i]);
  return moments.length ? Math.max(...moments) : undefined;
}

/** The first moment of the day that begins at `localMs`; where midnight is left out in spring, what follows it. */
export function dayInZone(localMs: number, zone: string): number | undefined {
  const known = zoneOf(zone);
  return fromZone(localMs, zone) ?? (known && localMs - offsetAt(known, localMs - dayMs));
}

function zoneOf(name: string): Zone | undefined {
  if (zones.has(name)) return zones.get(name);
  let zone: Zone | undefined;
  try {
    const parts = { year: 'numeric', month: 'numeric', day: 'numeric' } as const;
    const clock = { hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23' } as const;
    const format = new Intl.DateTimeFormat('en-US', { timeZone: name, era: 'short', ...parts, ...clock });
    // Offsets such as "+01:00" are no zones; they belong into the times themselves.
    if (/^[A-Za-z]/.test(name)) zone = { format, offsets: new Map() };
  } catch {
    zone = undefined;
  }
  if (zones.size < 1_000) zones.set(name, zone);
  return zone;
}

function offsetAt({ format, offsets }: Zone, utcMs: number): number {
  const bucket = Math.floor(utcMs / bucketMs);
  const known = offsets.get(bucket);
  if (known !== undefined) return known;
  const at = bucket * bucketMs;
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
  const number = (name: string) => Number(parts[name]);
  const year = parts['era'] === 'BC' ? 1 - number('year') : number('year');
  const shown = new Date(0);
  shown.setUTCFullYear(year, number('month') - 1, number('day'));
  shown.setUTCHours(number('hour'), number('minute'), number('second'));
  const offset = shown.getTime() - at;
  if (offsets.size >= rememberedMax) offsets.clear();
  offsets.set(bucket, offset);
  return offset;
}
