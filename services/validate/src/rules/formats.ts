import type { ValueFormat } from '@perennial/spec';

const day = '\\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])';
const clock = '(?:[01]\\d|2[0-3]):[0-5]\\d(?::[0-5]\\d(?:\\.\\d{1,9})?)?';

/**
 * What texts of a format look like: patterns that ECMAScript and RE2 read alike (no `\s`, no look-around), for the
 * whole text. They tell a shape and not a truth: 2021-02-30 looks like a day.
 */
export const formatPatterns: Readonly<Record<ValueFormat, string>> = {
  email: '[^@ \\t\\n\\r]+@[^@ \\t\\n\\r]+\\.[^@ \\t\\n\\r]+',
  uuid: '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}',
  url: '[a-z][a-z0-9+.-]*://[^ \\t\\n\\r]+',
  date: day,
  datetime: `${day}[T ]${clock}(?:Z|[+-]\\d{2}(?::?\\d{2})?)?`,
  ipv4: '(?:(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)\\.){3}(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)',
  ipv6: '(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F.]{0,15}',
  digits: '\\d+',
  hex: '[0-9a-fA-F]+',
  json: '[ \\t\\n\\r]*(?:[{\\[\\"].*|true|false|null|-?\\d.*)',
};

/** A number in a text, as `try_cast(text as double)` takes it; without the words for NaN and infinities. */
export const numberText = '[+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][+-]?\\d+)?';
/** A list in a text: JSON's. */
export const listText = '\\[.*\\]';
/** An instant or a day. */
export const timeText = `${day}(?:[T ]${clock}(?:Z|[+-]\\d{2}(?::?\\d{2})?)?)?`;

const compiled = new Map<string, RegExp>();

/** Whether the whole text is so shaped; a dot stands for line ends, too. */
export function isShaped(text: string, pattern: string): boolean {
  let regex = compiled.get(pattern);
  if (!regex) {
    regex = new RegExp(`^(?:${pattern})$`, 's');
    compiled.set(pattern, regex);
  }
  return regex.test(text);
}
