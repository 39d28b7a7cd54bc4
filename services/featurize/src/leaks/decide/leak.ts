/** How a feature may give its label away. */
export type LeakKind =
  /** The feature is the label: under another name, in another unit, with other words for its values. */
  | 'renamed'
  /** The label is a sum, a difference, a product or a ratio of features. */
  | 'composed'
  /** The feature is made of labels of its own row or of later ones, or is a time after the row's. */
  | 'later'
  /** One feature alone says the label almost without an error. */
  | 'too-good';

export interface Leak {
  readonly kind: LeakKind;
  readonly features: readonly string[];
  /** The relation in one line, such as `cnt = casual + registered`. */
  readonly relation: string;
  /** With the numbers, in plain words. */
  readonly evidence: string;
  /** Share of the label that is explained, 0 to 1. */
  readonly strength: number;
  /** Rows that were looked at, and those of them in which the relation holds. */
  readonly rows: number;
  readonly rowsHolding: number;
}

/** A feature of a sample: a missing number is NaN, a missing text null. */
export type SampleColumn =
  | { readonly name: string; readonly kind: 'number'; readonly values: Float64Array }
  | { readonly name: string; readonly kind: 'text'; readonly values: readonly (string | null)[] };

/** Labelled rows, column by column. */
export interface Sample {
  readonly label: { readonly name: string; readonly task: 'regression' | 'classification' };
  readonly labels: Float64Array;
  /** Event times, in microseconds since the epoch. */
  readonly timesUs: Float64Array;
  readonly columns: readonly SampleColumn[];
}

/** Fewer rows than this prove nothing. */
export const rowsMin = 50;
