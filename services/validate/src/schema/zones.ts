/** A row's instant (ms since the epoch) and the hour of the day that another column gives it. */
export interface HourOfRow {
  readonly time: number;
  readonly hour: number;
}

/** Rows that need not fit: an odd one is no other zone. */
const fittingShare = 0.995;
/** Fewer say nothing of summers and winters. */
const rowsMin = 200;
/** Rows that candidates are tried on. */
const triedMax = 400;
/** Named first where several zones keep the same clock. */
const wellKnown = [
  ...['Europe/London', 'Europe/Lisbon', 'Europe/Berlin', 'Europe/Athens', 'Europe/Moscow', 'Europe/Istanbul'],
  ...['America/New_York', 'America/Chicago', 'America/Denver', 'America/Phoenix', 'America/Los_Angeles'],
  ...[
    'America/Sao_Paulo',
    'America/Mexico_City',
    'Asia/Kolkata',
    'Asia/Shanghai',
    'Asia/Tokyo',
    'Asia/Dubai',
  ],
  ...['Asia/Singapore', 'Australia/Sydney', 'Pacific/Auckland', 'Africa/Johannesburg', 'Africa/Lagos'],
];
const hourMs = 3_600_000;

/** How a column of hours lies to a column of instants. */
export type HourRelation =
  | { readonly kind: 'same' | 'unrelated' }
  /** Always so many hours ahead of UTC. */
  | { readonly kind: 'fixed'; readonly ahead: number }
  /** Local time of a zone that changes its clock; `offsets` are hours ahead of UTC, winter first. */
  | { readonly kind: 'zone'; readonly zones: readonly string[]; readonly offsets: readonly number[] };

/** Whether the hours are UTC, an offset, or the local time of a zone with summer time. */
export function hourRelation(rows: readonly HourOfRow[]): HourRelation {
  if (rows.length < rowsMin) return { kind: 'unrelated' };
  const counts = new Map<number, number>();
  for (const row of rows) {
    const ahead = aheadOf(row);
    counts.set(ahead, (counts.get(ahead) ?? 0) + 1);
  }
  const common = [...counts].sort((a, b) => b[1] - a[1]);
  const [first, second] = common;
  if (!first) return { kind: 'unrelated' };
  if (first[1] >= fittingShare * rows.length) {
    return first[0] === 0 ? { kind: 'same' } : { kind: 'fixed', ahead: first[0] };
  }
  if (!second || first[1] + second[1] < fittingShare * rows.length) return { kind: 'unrelated' };
  const offsets = [first[0], second[0]].sort((a, b) => a - b);
  if ((offsets[1] as number) - (offsets[0] as number) !== 1) return { kind: 'unrelated' };
  const zones = zonesFitting(rows);
  return zones.length > 0 ? { kind: 'zone', zones, offsets } : { kind: 'unrelated' };
}

/** Hours ahead of UTC, -11 to 12. */
function aheadOf({ time, hour }: HourOfRow): number {
  const utc = Math.floor(time / hourMs) % 24;
  const ahead = (((hour - utc) % 24) + 24) % 24;
  return ahead > 12 ? ahead - 24 : ahead;
}

function zonesFitting(rows: readonly HourOfRow[]): string[] {
  const step = Math.ceil(rows.length / triedMax);
  const tried = [...rows].sort((a, b) => a.time - b.time).filter((_, i) => i % step === 0);
  const others = Intl.supportedValuesOf('timeZone').filter((zone) => !wellKnown.includes(zone));
  return [...wellKnown, ...others].filter((zone) => fits(zone, tried));
}

function fits(zone: string, rows: readonly HourOfRow[]): boolean {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', hourCycle: 'h23' });
  const oddMax = (1 - fittingShare) * rows.length;
  let odd = 0;
  for (const { time, hour } of rows) {
    if (Number(format.format(time)) === hour) continue;
    odd++;
    // Most zones are out after a few rows.
    if (odd > oddMax) return false;
  }
  return true;
}

/** What somebody should know of a column of hours beside one of instants; undefined where they agree or are no pair. */
export function hourNote(hour: string, time: string, relation: HourRelation): string | undefined {
  if (relation.kind === 'fixed') {
    const { ahead } = relation;
    return `${hour} is ${Math.abs(ahead)} hours ${ahead > 0 ? 'ahead of' : 'behind'} ${time}, which is UTC, all year`;
  }
  if (relation.kind !== 'zone') return undefined;
  const [winter = 0, summer = 0] = relation.offsets;
  const [zone, ...others] = relation.zones;
  const alike = others.length > 0 ? ` (as ${others.length} other zones do)` : '';
  return (
    `${hour} is local time of ${zone}${alike} and ${time} is UTC: they lie ${Math.abs(winter)} hours apart in winter and ` +
    `${Math.abs(summer)} in summer; an hour comes twice when the clock is set back, so order and windows go by ${time}`
  );
}
