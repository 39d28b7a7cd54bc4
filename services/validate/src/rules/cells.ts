import type { ColumnSchema } from '@perennial/spec';
import { quoteText } from '@perennial/tables';
import type { ColumnType, Value } from '../schema/value.js';
import { isShaped, listText, numberText, timeText } from './formats.js';

/** What a cell may hold; a time is an instant. */
export type ReadValue = string | number | boolean | Date;

/** A cell as the schema reads it: a value, nothing where it is missing, or no value of the column's type. */
export type Reading =
  | {
      readonly kind: 'value';
      readonly value: ReadValue;
      /** The text that it was read from, where it is one: what a format is asked of. */
      readonly text?: string;
    }
  | { readonly kind: 'missing' }
  | { readonly kind: 'invalid' };

const missing: Reading = { kind: 'missing' };
const invalid: Reading = { kind: 'invalid' };

/** The cell of one row, trimmed, with missing tokens as nothing and numeric text as a number. */
export function readCell(value: Value, column: ColumnSchema): Reading {
  if (value === null || value === undefined) return missing;
  if (typeof value !== 'string') return readPlain(value, column);
  const text = column.trim ? trimmed(value) : value;
  if (column.missingAs?.includes(text)) return missing;
  switch (column.type) {
    case 'number':
    case 'integer':
      return isShaped(text, numberText) ? readPlain(Number(text), column) : invalid;
    case 'boolean':
      return readBoolean(text, column);
    case 'time': {
      const value = timeOf(text);
      return value ? { kind: 'value', value, text } : invalid;
    }
    case 'list':
      return isShaped(text, listText) && isList(text) ? { kind: 'value', value: text, text } : invalid;
    case 'text':
      return { kind: 'value', value: text, text };
  }
}

/** A number or a boolean that came as one. */
function readPlain(value: number | boolean, { type, spelled }: ColumnSchema): Reading {
  if (typeof value === 'boolean') return type === 'boolean' ? { kind: 'value', value } : invalid;
  if (!Number.isFinite(value)) return invalid;
  if (type === 'number' || (type === 'integer' && Number.isInteger(value))) return { kind: 'value', value };
  if (type === 'boolean' && (value === 0 || value === 1)) {
    const isSpelledSo = spelled?.true.includes('1') && spelled.false.includes('0');
    return isSpelledSo ? { kind: 'value', value: value === 1 } : invalid;
  }
  return invalid;
}

function readBoolean(text: string, { spelled }: ColumnSchema): Reading {
  const { true: yes, false: no } = spelled ?? usualSpelling;
  if (yes.includes(text)) return { kind: 'value', value: true };
  return no.includes(text) ? { kind: 'value', value: false } : invalid;
}

const usualSpelling = { true: ['true'], false: ['false'] };
const blanks = /^[ \t\n\r]+|[ \t\n\r]+$/g;

export function trimmed(text: string): string {
  return text.replace(blanks, '');
}

/** Years 1 to 9999, UTC: what ISO 8601 and every database can hold. */
const firstMs = Date.parse('0001-01-01T00:00:00Z');
const endMs = Date.parse('+010000-01-01T00:00:00Z');

/** An ISO time, in UTC where it names no offset; undefined for anything else, and where the calendar has no such day. */
export function timeOf(text: string): Date | undefined {
  if (!isShaped(text, timeText)) return undefined;
  const time = Date.parse(isoOf(text));
  if (!(time >= firstMs && time < endMs)) return undefined;
  const day = text.slice(0, 10);
  const isInCalendar = new Date(`${day}T00:00:00Z`).toISOString().slice(0, 10) === day;
  return isInCalendar ? new Date(time) : undefined;
}

function isoOf(text: string): string {
  const iso = text.replace(' ', 'T');
  if (iso.length === 10) return iso;
  if (/[+-]\d{2}$/.test(iso.slice(10))) return `${iso}:00`;
  return /(?:Z|[+-]\d{2}:?\d{2})$/.test(iso.slice(10)) ? iso : `${iso}Z`;
}

function isList(text: string): boolean {
  try {
    return Array.isArray(JSON.parse(text));
  } catch {
    return false;
  }
}

/** The same reading in SQL. */
export interface CellSql {
  /** The value, null where it is missing or invalid. */
  readonly value: string;
  /** The text that the value is read from; absent where that is none. */
  readonly text?: string;
  /** Never null. */
  readonly isMissing: string;
  readonly isInvalid: string;
}

/** Reads a column of a segment's table; `cell` is its SQL, `physical` what it holds, undefined where there is none. */
export function cellSql(cell: string, physical: ColumnType | undefined, column: ColumnSchema): CellSql {
  if (physical === undefined) return { value: 'null', isMissing: 'true', isInvalid: 'false' };
  if (physical !== 'text') return plainSql(cell, physical, column);
  const text = column.trim ? `trim(${cell}, ' ' || chr(9) || chr(10) || chr(13))` : cell;
  const tokens = column.missingAs ?? [];
  const isMissing = tokens.length
    ? `coalesce(${cell} is null or ${text} in (${tokens.map(quoteText).join(', ')}), true)`
    : `(${cell} is null)`;
  const value = `(case when not ${isMissing} then ${textSql(text, column)} end)`;
  if (column.type === 'text') return { value, text, isMissing, isInvalid: 'false' };
  const isInvalid = `(not ${isMissing} and ${value} is null)`;
  const isTextual = column.type === 'time' || column.type === 'list';
  return { value, ...(isTextual && { text }), isMissing, isInvalid };
}

function textSql(text: string, column: ColumnSchema): string {
  const shaped = (pattern: string) => `regexp_full_match(${text}, ${quoteText(pattern)}, 's')`;
  switch (column.type) {
    case 'number':
    case 'integer': {
      const number = `try_cast(${text} as double)`;
      const isWhole = column.type === 'integer' ? ` and ${number} = trunc(${number})` : '';
      return `case when ${shaped(numberText)} and isfinite(${number})${isWhole} then ${number} end`;
    }
    case 'boolean': {
      const { true: yes, false: no } = column.spelled ?? usualSpelling;
      return `case ${spelledSql(text, yes, 'true')} ${spelledSql(text, no, 'false')} end`;
    }
    case 'time': {
      // An offset is read after seconds only.
      const time = `(try_cast(regexp_replace(${text}, '^(.{16})(Z|[+-].*)$', '\\1:00\\2') as timestamptz) at time zone 'UTC')`;
      return `case when ${shaped(timeText)} then (case when year(${time}) between 1 and 9999 then ${time} end) end`;
    }
    case 'list':
      return `case when ${shaped(listText)} and json_valid(${text}) then ${text} end`;
    case 'text':
      return text;
  }
}

function spelledSql(text: string, words: readonly string[], value: string): string {
  return words.length
    ? `when ${text} in (${words.map(quoteText).join(', ')}) then ${value}`
    : `when false then ${value}`;
}

function plainSql(cell: string, physical: 'number' | 'boolean', { type, spelled }: ColumnSchema): CellSql {
  const isMissing = `(${cell} is null)`;
  const isFits = fits();
  if (isFits === undefined) return { value: 'null', isMissing, isInvalid: `(${cell} is not null)` };
  if (isFits.condition === undefined) return { value: cell, isMissing, isInvalid: 'false' };
  const good = `coalesce(${isFits.condition}, false)`;
  return {
    value: `(case when ${good} then ${isFits.value} end)`,
    isMissing,
    isInvalid: `(${cell} is not null and not ${good})`,
  };

  function fits(): { condition?: string; value: string } | undefined {
    if (physical === 'boolean') return type === 'boolean' ? { value: cell } : undefined;
    if (type === 'number') return { condition: `isfinite(${cell})`, value: cell };
    if (type === 'integer')
      return { condition: `isfinite(${cell}) and ${cell} = trunc(${cell})`, value: cell };
    const isSpelledSo = spelled?.true.includes('1') && spelled.false.includes('0');
    return type === 'boolean' && isSpelledSo
      ? { condition: `${cell} in (0, 1)`, value: `(${cell} = 1)` }
      : undefined;
  }
}
