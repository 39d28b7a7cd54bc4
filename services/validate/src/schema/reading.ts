import { missingAmongNumbers, surelyMissing, type TextForms } from '../profile/text-forms.js';
import type { Reading } from './learned.js';

/** Texts with something in them before it is said what they are: of a hundred alike, at most three in a hundred more differ. */
export const readingRows = 100;
/** Share of texts that are numbers (or times) where the column is read as such; the others are told apart and held. */
const enoughAlike = 0.99;
/** Digits of one length and at least so long are a code (a zip, a year and month), not a quantity. */
const codeLengthMin = 4;

/** Texts that say something: neither blank nor a word for nothing. */
export function informativeTexts({ texts, blank, tokens }: TextForms): number {
  return texts - blank - Object.values(tokens).reduce((sum, count) => sum + count, 0);
}

/** Digits that are no quantity: zeros in front, or all of one length. */
export function isCode({ digits, numbers, leadingZero, digitsShortest, digitsLongest }: TextForms): boolean {
  if (leadingZero > 0) return true;
  return (
    digits > 0 && digits === numbers && digitsShortest === digitsLongest && digitsShortest >= codeLengthMin
  );
}

/**
 * How the cells of a column are read, from what its texts look like; undefined where they are taken as they come.
 * `numbers` counts the column's cells that came as numbers. What was read as numbers stays so while most are.
 */
export function readingOf(
  forms: TextForms,
  numbers: number,
  before?: Reading,
  rowsMin = readingRows,
): Reading | undefined {
  const informative = informativeTexts(forms);
  const isNumber = before?.type === 'number' || numbers > 0;
  if (!isNumber && informative < rowsMin) return undefined;
  const share = (forms.numbers + numbers) / Math.max(1, informative + numbers);
  // What came as numbers so far does not become words by a few.
  const alike = isNumber ? 0.5 : enoughAlike;
  const type = (numbers > 0 || !isCode(forms)) && share >= alike ? 'number' : 'text';
  if (type === 'text' && numbers > 0) return undefined;
  const missing = type === 'number' ? missingAmongNumbers : surelyMissing;
  const tokens = Object.keys(forms.tokens).filter((token) => missing.has(token));
  const missingAs = [...new Set([...(forms.blank > 0 ? [''] : []), ...tokens])].sort();
  const trim = forms.padded > 0 || forms.blank > 0;
  if (type === 'text' && !trim && missingAs.length === 0) return undefined;
  return { type, ...(trim && { trim: true as const }), ...(missingAs.length > 0 && { missingAs }) };
}
