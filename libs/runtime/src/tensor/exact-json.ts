/**
 * JSON in which integers keep every digit. JSON.parse makes doubles of all numbers, so that 2^53 + 1 silently becomes
 * 2^53; Node 20 has no access to the source text of a number.
 */

const mayHoldBigIntegers = /\d{16}/;
/** A JSON string, or an integer of 16 digits or more that is no part of a fraction or an exponent. */
const stringOrBigInteger = /"[^"\\]*(?:\\.[^"\\]*)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;
/** U+0000 cannot begin a JSON string other than escaped, and nobody writes that for a number. */
const mark = '\\u0000integer:';
const marked = '\u0000integer:';

/** As JSON.parse; integers of 16 digits and more come back as bigint. */
export function parseExact(text: string): unknown {
  if (!mayHoldBigIntegers.test(text)) return JSON.parse(text);
  const safe = text.replace(stringOrBigInteger, (token) =>
    token.startsWith('"') ? token : `"${mark}${token}"`,
  );
  return JSON.parse(safe, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(marked) ? BigInt(value.slice(marked.length)) : value,
  );
}
