import { formatPatterns, isShaped, numberText } from '../rules/formats.js';

/** What the texts of a column look like, as counts of texts; one may be counted in several. After trimming, but for `padded`. */
export interface TextForms {
  texts: number;
  /** Nothing but blanks, or nothing at all. */
  blank: number;
  /** Blanks before or after, and something in between. */
  padded: number;
  numbers: number;
  integers: number;
  /** Digits with a zero before others: a code, no quantity. */
  leadingZero: number;
  digits: number;
  digitsShortest: number;
  digitsLongest: number;
  dates: number;
  datetimes: number;
  /** Of those the ones that say their offset. */
  zoned: number;
  uuids: number;
  emails: number;
  urls: number;
  ipv4s: number;
  /** Usual words for nothing, each counted. */
  tokens: Record<string, number>;
}

/** Words that stand for nothing wherever they occur. */
export const surelyMissing = new Set(['?', 'N/A', 'n/a', '#N/A', 'null', 'NULL', 'NaN', 'nan']);
/** Words that stand for nothing among numbers and times; among words they may be one (Namibia, North America). */
export const missingAmongNumbers = new Set([
  ...['NA', 'na', 'None', 'none', '-', '--', '.', 'missing', 'Missing', 'unknown', 'Unknown'],
  ...surelyMissing,
]);
const tokenLengthMax = 7;

export function noForms(): TextForms {
  return {
    texts: 0,
    blank: 0,
    padded: 0,
    numbers: 0,
    integers: 0,
    leadingZero: 0,
    digits: 0,
    digitsShortest: Number.MAX_SAFE_INTEGER,
    digitsLongest: 0,
    dates: 0,
    datetimes: 0,
    zoned: 0,
    uuids: 0,
    emails: 0,
    urls: 0,
    ipv4s: 0,
    tokens: {},
  };
}

/** Counts a text that occurs `times` times. */
export function addForm(forms: TextForms, raw: string, times: number): void {
  forms.texts += times;
  const text = raw.trim();
  if (text === '') {
    forms.blank += times;
    return;
  }
  if (text.length !== raw.length) forms.padded += times;
  if (text.length <= tokenLengthMax && missingAmongNumbers.has(text)) {
    forms.tokens[text] = (forms.tokens[text] ?? 0) + times;
    return;
  }
  const first = text.charCodeAt(0);
  // A digit, a sign or a dot; the patterns are only asked of what could be so.
  if (first <= 57 && first >= 43) addNumeric(forms, text, times);
  if (text.length === 36 && isShaped(text, formatPatterns.uuid)) forms.uuids += times;
  else if (text.includes('@') && isShaped(text, formatPatterns.email)) forms.emails += times;
  else if (text.includes('://') && isShaped(text, formatPatterns.url)) forms.urls += times;
}

function addNumeric(forms: TextForms, text: string, times: number): void {
  if (isShaped(text, numberText)) {
    forms.numbers += times;
    if (Number.isInteger(Number(text))) forms.integers += times;
    if (isShaped(text, formatPatterns.digits)) addDigits(forms, text, times);
  } else if (text[4] === '-') {
    if (isShaped(text, formatPatterns.date)) forms.dates += times;
    else if (isShaped(text, formatPatterns.datetime)) {
      forms.datetimes += times;
      if (/(?:Z|[+-]\d{2}:?\d{0,2})$/.test(text.slice(11))) forms.zoned += times;
    }
  } else if (isShaped(text, formatPatterns.ipv4)) forms.ipv4s += times;
}

function addDigits(forms: TextForms, text: string, times: number): void {
  forms.digits += times;
  forms.digitsShortest = Math.min(forms.digitsShortest, text.length);
  forms.digitsLongest = Math.max(forms.digitsLongest, text.length);
  if (text.length > 1 && text[0] === '0') forms.leadingZero += times;
}

export function mergeForms(a: TextForms, b: TextForms): TextForms {
  const merged = noForms();
  for (const name of Object.keys(merged) as (keyof TextForms)[]) {
    if (name === 'tokens') continue;
    if (name === 'digitsShortest') merged[name] = Math.min(a[name], b[name]);
    else if (name === 'digitsLongest') merged[name] = Math.max(a[name], b[name]);
    else merged[name] = a[name] + b[name];
  }
  for (const { tokens } of [a, b]) {
    for (const [token, count] of Object.entries(tokens)) {
      merged.tokens[token] = (merged.tokens[token] ?? 0) + count;
    }
  }
  return merged;
}
