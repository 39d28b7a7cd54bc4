import { byText, groupsOf, keysMax, type TextCodes } from './text-codes.js';

/** The most frequent first, so that a bound leaves out what is rare. */
const byRows = (a: { rows: number }, b: { rows: number }) => b.rows - a.rows;

/** Places of the texts in their own order; one that was not among the training rows is missing. */
export function ordinalCodes(texts: readonly string[], label: Float64Array): TextCodes {
  const keys = keptKeys(texts, label, keysMax);
  return { keys, values: Float64Array.from(keys, (_, place) => place), unseen: Number.NaN };
}

/** A text's share of the training rows; an unseen one has none of them. */
export function frequencyCodes(texts: readonly string[], label: Float64Array): TextCodes {
  const { groups } = groupsOf(texts, label);
  const kept = groups.sort((a, b) => byRows(a, b) || byText(a, b)).slice(0, keysMax);
  return {
    keys: kept.map(({ text }) => text),
    values: Float64Array.from(kept, ({ rows }) => rows / texts.length),
    unseen: 0,
  };
}

/** A text's mean label, drawn to the mean of all as if `priorRows` more had that one; an unseen one has that mean. */
export function targetCodes(texts: readonly string[], label: Float64Array, priorRows: number): TextCodes {
  const { groups, total } = groupsOf(texts, label);
  const prior = total / texts.length;
  const kept = groups.sort((a, b) => byRows(a, b) || byText(a, b)).slice(0, keysMax);
  return {
    keys: kept.map(({ text }) => text),
    values: Float64Array.from(kept, ({ rows, sum }) => (sum + priorRows * prior) / (rows + priorRows)),
    unseen: prior,
  };
}

/** The `max` most frequent texts, in their own order. */
export function keptKeys(texts: readonly string[], label: Float64Array, max: number): string[] {
  const { groups } = groupsOf(texts, label);
  return groups
    .sort((a, b) => byRows(a, b) || byText(a, b))
    .slice(0, max)
    .sort(byText)
    .map(({ text }) => text);
}

/** The `max` most frequent numbers, ascending; what is missing or infinite is none. */
export function keptNumbers(column: Float64Array, max: number): number[] {
  const counts = new Map<number, number>();
  for (const value of column) {
    if (Number.isFinite(value)) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a, rowsA], [b, rowsB]) => rowsB - rowsA || a - b)
    .slice(0, max)
    .map(([value]) => value)
    .sort((a, b) => a - b);
}
