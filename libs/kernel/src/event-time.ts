import { invalid } from './errors.js';
import { dayInZone, fromZone } from './zone.js';

/** Data time in milliseconds since the Unix epoch, UTC. */
export type EventTime = number;

/** 0001-01-01 and the last millisecond of 9999, UTC: what ISO 8601, protobuf and every database can hold. */
const eventTimeMin = -62_135_596_800_000;
const eventTimeMax = 253_402_300_799_999;

const isoPattern = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

/**
 * Reads an event time: `2012-04-01`, `2012-04-01 08:30[:00[.000]]`, with `T` or a space, with or without an offset
 * (none means the clocks of `zone`, and UTC without one), or epoch milliseconds as a number.
 *
 * @throws PlatformError EVENT_TIME_INVALID, naming `field`
 */
export function parseEventTime(value: unknown, field: string, zone?: string): EventTime {
  const time = millisecondsOf(value, zone);
  if (time === undefined && zone !== undefined && millisecondsOf(value) !== undefined) {
    throw invalid(
      'EVENT_TIME_INVALID',
      `${field}: ${JSON.stringify(value)} never was in ${zone}: clocks were put forward over it; send it with its offset`,
      { field },
    );
  }
  if (time === undefined) {
    throw invalid(
      'EVENT_TIME_INVALID',
      `${field}: ${JSON.stringify(value)} is no time; send ISO 8601 such as "2012-04-01" or "2012-04-01T08:30:00Z"`,
      { field },
    );
  }
  if (time < eventTimeMin || time > eventTimeMax) {
    throw invalid('EVENT_TIME_INVALID', `${field}: ${String(value)} lies outside the years 1 to 9999`, {
      field,
    });
  }
  return time;
}

/** Whole milliseconds: no message and no file of ours holds parts of them. */
function millisecondsOf(value: unknown, zone?: string): number | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) return Math.floor(value);
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.getTime();
  if (typeof value !== 'string' || !isoPattern.test(value)) return undefined;
  const text = value.replace(' ', 'T');
  const hasZone = text.length > 10 && /(Z|[+-]\d{2}:?\d{2})$/.test(text.slice(10));
  const ms = Date.parse(text.length === 10 || hasZone ? text : `${text}Z`);
  if (Number.isNaN(ms) || !isDayOfMonth(text)) return undefined;
  if (hasZone || zone === undefined) return ms;
  return text.length === 10 ? dayInZone(ms, zone) : fromZone(ms, zone);
}

/** `Date.parse` takes the 30th of February for the 1st of March. */
function isDayOfMonth(text: string): boolean {
  const day = Number(text.slice(8, 10));
  return day <= 28 || new Date(Date.parse(text.slice(0, 10))).getUTCDate() === day;
}

/** `2012-04-01` for midnight UTC, the full ISO 8601 text otherwise. */
export function formatEventTime(time: EventTime): string {
  const text = new Date(time).toISOString();
  return text.endsWith('T00:00:00.000Z') ? text.slice(0, 10) : text;
}

const unitsMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Reads a duration such as `200ms`, `30s`, `5m`, `3h`, `7d`, in milliseconds.
 *
 * @throws PlatformError DURATION_INVALID, naming `field`
 */
export function parseDuration(text: string, field: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim());
  const unit = match?.[2] === undefined ? undefined : unitsMs[match[2]];
  if (!match || unit === undefined) {
    throw invalid('DURATION_INVALID', `${field}: "${text}" is no duration; write for example 30s, 3h or 7d`, {
      field,
    });
  }
  return Number(match[1]) * unit;
}
