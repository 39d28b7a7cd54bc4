import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import { formatEventTime } from '@perennial/kernel';

/** `3.14`: at most four significant digits, never in exponents where a person reads it well otherwise. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return 'unknown';
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

export function percent(share: number): string {
  return `${number(Number((share * 100).toFixed(1)))} %`;
}

/** `1 row`, `20 rows` */
export function count(amount: number | bigint, noun: string): string {
  return `${amount} ${noun}${Number(amount) === 1 ? '' : 's'}`;
}

const units = ['bytes', 'KiB', 'MiB', 'GiB'];

export function bytes(amount: number | bigint): string {
  let [value, unit] = [Number(amount), 0];
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${number(Number(value.toPrecision(3)))} ${units[unit]}`;
}

/** A span of data time: ` from 2012-04-01 to 2012-04-30`, ` of 2012-04-01`, or nothing. */
export function span(from: Timestamp | undefined, to: Timestamp | undefined): string {
  if (!from || !to) return '';
  const [first, last] = [formatEventTime(timestampMs(from)), formatEventTime(timestampMs(to))];
  return first === last ? ` of ${first}` : ` from ${first} to ${last}`;
}

export function day(time: Timestamp | undefined): string {
  return time ? formatEventTime(timestampMs(time)) : 'an unknown time';
}

/** `WORLD_CHANGED` as `world changed`. */
export function plain(name: string | undefined): string {
  return (name ?? 'unknown').toLowerCase().replaceAll('_', ' ');
}

/** `: <reason>`, or nothing. */
export function because(reason: string): string {
  return reason === '' ? '' : `: ${reason.replace(/[.\s]+$/, '')}`;
}

export function list(parts: readonly string[]): string {
  return parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}
