import { type ColumnSummary, categoriesMax } from './profile.js';
import { type ColumnSketches, presentOf, type SetProfile } from './set-profile.js';
import type { TextForms } from './text-forms.js';

/** Evenly spaced quantiles that stand for a column; the sketch of what is known keeps as many. */
const shares = Array.from({ length: 200 }, (_, i) => (i + 0.5) / 200);

/** What a set says of each column, as what is known of a source takes it in. */
export function summariesOf(set: SetProfile): Record<string, ColumnSummary> {
  return Object.fromEntries([...set.columns].map(([name, column]) => [name, summaryOf(column)]));
}

/** What the texts of a set look like, by column. */
export function formsOf(set: SetProfile): Record<string, TextForms> {
  const forms = [...set.columns].flatMap(([name, column]) =>
    column.forms ? [[name, column.forms] as const] : [],
  );
  return Object.fromEntries(forms);
}

function summaryOf(column: ColumnSketches): ColumnSummary {
  const { numbers, texts, booleans, missing } = column;
  const present = presentOf(column);
  if (numbers && numbers.moments.count > 0) {
    const { min, max } = numbers.moments;
    return { type: 'number', present, missing, min, max, numbers: numbers.quantiles(shares) };
  }
  if (numbers) return { type: 'number', present, missing };
  if (texts) {
    const counts = texts.exactCounts();
    const categories = counts && counts.size <= categoriesMax ? Object.fromEntries(counts) : undefined;
    return { type: 'text', present, missing, ...(categories && { categories }) };
  }
  return { type: booleans ? 'boolean' : undefined, present, missing };
}
