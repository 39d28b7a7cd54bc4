/** How the texts of one feature become numbers, fitted on training rows only. '' (missing) is always NaN. */
export interface TextCodes {
  readonly keys: readonly string[];
  readonly values: Float64Array;
  /** For every text that is not among the keys: rare ones of the training rows share it, so it is learnt. */
  readonly unseen: number;
}

/** Rows below which a text's mean says nothing; such texts get the code of the unseen. */
const rowsMin = 5;
/** Texts that keep a code of their own, the most frequent first: bounds the model file. */
export const keysMax = 10_000;
/** A text's mean is drawn to the mean of all, as if so many rows more had that one. */
const priorRows = 10;

export interface Group {
  readonly text: string;
  rows: number;
  sum: number;
}

/**
 * Codes by the mean label of a text's rows, drawn to the mean of all where the rows are few. `rank` gives the texts'
 * places in that order (for trees, which need the order alone), `mean` the means (for linear models).
 */
export function fitTextCodes(
  texts: readonly string[],
  label: Float64Array,
  kind: 'rank' | 'mean',
): TextCodes {
  const { groups, total } = groupsOf(texts, label);
  const prior = total / texts.length;
  const kept = groups
    .filter(({ rows }) => rows >= rowsMin)
    .sort((a, b) => b.rows - a.rows || byText(a, b))
    .slice(0, keysMax)
    .map(({ text, rows, sum }) => ({ text, rows, mean: (sum + priorRows * prior) / (rows + priorRows) }))
    .sort((a, b) => a.mean - b.mean || a.rows - b.rows || byText(a, b));
  const lower = kept.filter(({ mean }) => mean <= prior).length;
  return {
    keys: kept.map(({ text }) => text),
    values: Float64Array.from(kept, ({ mean }, rank) => (kind === 'rank' ? rank : mean)),
    unseen: kind === 'rank' ? lower - 0.5 : prior,
  };
}

/** Each text that is there with its rows and the sum of their labels, and the sum of all labels. */
export function groupsOf(texts: readonly string[], label: Float64Array): { groups: Group[]; total: number } {
  const groups = new Map<string, Group>();
  let total = 0;
  for (let row = 0; row < texts.length; row++) {
    const text = texts[row] as string;
    const value = label[row] as number;
    total += value;
    const group = groups.get(text);
    if (group) {
      group.rows += 1;
      group.sum += value;
    } else groups.set(text, { text, rows: 1, sum: value });
  }
  groups.delete('');
  return { groups: [...groups.values()], total };
}

export function encodeTexts({ keys, values, unseen }: TextCodes, texts: readonly string[]): Float64Array {
  const codes = new Map(keys.map((key, at) => [key, values[at] as number]));
  codes.set('', Number.NaN);
  const encoded = new Float64Array(texts.length);
  for (let row = 0; row < texts.length; row++) encoded[row] = codes.get(texts[row] as string) ?? unseen;
  return encoded;
}

export function byText(a: { text: string }, b: { text: string }): number {
  return a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
}
