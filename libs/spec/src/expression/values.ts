import type { Value } from './ast.js';

/** A row's value as it is looked at: times are kept apart from numbers. */
export type Looked = Value | Date;

const numberPattern = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/;
const timePattern = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)?)?$/;

/** Anything found in a row; what is no value (an object, a list, undefined) is null. */
export function looked(value: unknown): Looked {
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') return value;
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value;
  return typeof value === 'bigint' ? Number(value) : null;
}

/** As `try_cast(value as double)`. */
export function toNumber(value: Looked): number | null {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'string') return numberPattern.test(value) ? Number(value) : null;
  return null;
}

/** As `try_cast(value as boolean)`. */
export function toBoolean(value: Looked): boolean | null {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return value !== 0;
  if (typeof value !== 'string') return null;
  const text = value.toLowerCase();
  if (['true', 't', '1', 'yes', 'y'].includes(text)) return true;
  return ['false', 'f', '0', 'no', 'n'].includes(text) ? false : null;
}

/** As `try_cast(value as varchar)`: a time reads `2012-04-01 08:30:00`, so that it compares with a written one. */
export function toText(value: Looked): string | null {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'number')
    return Number.isInteger(value) && Math.abs(value) < 1e15 ? `${value}.0` : String(value);
  if (typeof value === 'boolean') return String(value);
  return value
    .toISOString()
    .replace('T', ' ')
    .replace(/(?:\.000|(\.\d*?)0*)Z$/, '$1');
}

/** As `try_cast(value as timestamp)`; a time without an offset is in UTC. */
export function toTime(value: Looked): Date | null {
  if (value instanceof Date) return value;
  if (typeof value !== 'string') return null;
  const text = value.trim().replace(' ', 'T');
  if (!timePattern.test(text)) return null;
  const hasZone = text.length > 10 && /(Z|[+-]\d{2}(:?\d{2})?)$/.test(text.slice(10));
  const zoned = /[+-]\d{2}$/.test(text.slice(10)) ? `${text}:00` : text;
  const time = new Date(text.length === 10 || hasZone ? zoned : `${text}Z`);
  return Number.isNaN(time.getTime()) ? null : time;
}

/** The order of SQL here: NaN equals itself and comes after every number; texts by code point. Neither is null. */
export function compare(a: Looked, b: Looked): number | null {
  if (a instanceof Date || b instanceof Date) {
    const [left, right] = [toTime(a), toTime(b)];
    return left && right && Math.sign(left.getTime() - right.getTime());
  }
  if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  const [left, right] = [toNumber(a), toNumber(b)];
  return left === null || right === null ? null : compareNumbers(left, right);
}

function compareNumbers(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareTexts(a: string, b: string): number {
  // UTF-16 order differs from code point order beyond the basic plane only.
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}
