import { z } from 'zod';

/**
 * The kinds of features. What was added after the first version is optional and absent where it is not said, so that
 * an older document keeps its canonical JSON and its digest.
 */

/** `q` of a quantile stands beside it; `std` and `var` are of a sample, `var-pop` of the whole. */
export const aggregates = [
  'mean',
  'sum',
  'count',
  'min',
  'max',
  'std',
  'last',
  'first',
  'distinct',
  'var',
  'var-pop',
  'quantile',
] as const;

const positiveMs = z.number().positive();

/** With e = t - offset and floor(x) the multiple of the step at or before x, counted from 1970-01-01 in UTC: */
const window = z.union([
  /** Sliding: [e - duration, e). */
  z.strictObject({ durationMs: positiveMs }),
  /** The last n known values before e, and at e where the edge is inclusive. */
  z.strictObject({ last: z.number().int().positive() }),
  /** Hopping: [floor(e) - duration, floor(e)); tumbling where the step is the duration. */
  z.strictObject({ durationMs: positiveMs, everyMs: positiveMs }),
  /** Sawtooth: [floor(e - duration), e); with a duration of 0 the current step so far. */
  z.strictObject({ durationMs: z.number().nonnegative(), fromEveryMs: positiveMs }),
]);

/** How a value becomes what the model sees; fitted on the training rows only, and part of the model's graph. */
const encode = z.discriminatedUnion('kind', [
  /** One input for each of the most frequent texts, 0 or 1; all others give zeros. */
  z.strictObject({ kind: z.literal('one-hot'), max: z.number().int().positive() }),
  /** Places of the texts in their own order; others are missing. */
  z.strictObject({ kind: z.literal('ordinal') }),
  /** Share of the training rows with that text. */
  z.strictObject({ kind: z.literal('frequency') }),
  /** Mean label of the rows with that text, drawn to the mean of all as if `priorRows` more had that one. */
  z.strictObject({ kind: z.literal('target'), priorRows: z.number().nonnegative() }),
  /** (x - mean) / standard deviation. */
  z.strictObject({ kind: z.literal('standard') }),
  /** (x - least) / (greatest - least). */
  z.strictObject({ kind: z.literal('min-max') }),
  /** What stands for a missing number: the mean, the median, or a value. */
  z.strictObject({ kind: z.literal('impute'), with: z.union([z.enum(['mean', 'median']), z.number()]) }),
]);

const optional = { encode: encode.optional() };

export const featureSchema = z.discriminatedUnion('kind', [
  z.strictObject({ name: z.string(), kind: z.literal('column'), column: z.string(), ...optional }),
  z.strictObject({ name: z.string(), kind: z.literal('expr'), expr: z.string(), ...optional }),
  z.strictObject({
    name: z.string(),
    kind: z.literal('window'),
    /** A column of the rows, the label's name, or an expression over the rows. */
    from: z.union([z.string(), z.strictObject({ expr: z.string() })]),
    window,
    /** The window ended so long before the row's event time. */
    offsetMs: z.number().nonnegative(),
    /** Columns whose values a row shares with those in its window. */
    by: z.array(z.string()),
    as: z.enum(aggregates),
    /** Between 0 and 1, of `as: quantile`, by linear interpolation. */
    quantile: z.number().min(0).max(1).optional(),
    /** The end belongs to the window, and the begin of one that slides does not: (begin, end] for [begin, end). */
    edge: z.literal('inclusive').optional(),
    ...optional,
  }),
  z.strictObject({
    name: z.string(),
    kind: z.literal('lookup'),
    /** The source whose rows are versions of what is looked up, each valid from its event time on. */
    source: z.string(),
    /** A column of that source's rows, or an expression over them. */
    from: z.union([z.string(), z.strictObject({ expr: z.string() })]),
    /** Columns of the lookup and the columns of the row that they equal. */
    on: z.array(z.strictObject({ column: z.string(), equals: z.string() })).min(1),
    /** A version is valid after its event time only, not at it. */
    edge: z.literal('exclusive').optional(),
    /** A version older than this gives nothing; exactly this old still does. */
    ttlMs: positiveMs.optional(),
    /** Column that says when a version was written, or `_p_arrived_at`: one written later was not known then. */
    created: z.string().optional(),
    /** `created` only decides between versions of one instant; what was written later is seen as well. */
    cutoff: z.literal('none').optional(),
    /** A condition over the version: where it holds, what was looked up is gone, and the value is null. */
    deleted: z.string().optional(),
    /** The value is a list of so many numbers. */
    size: z.number().int().positive().optional(),
    ...optional,
  }),
  /** A list of `size` numbers, a model input each, called `name[0]`, `name[1]`, ... */
  z.strictObject({
    name: z.string(),
    kind: z.literal('embedding'),
    column: z.string(),
    size: z.number().int().positive(),
  }),
]);

export type Feature = z.infer<typeof featureSchema>;
export type WindowFeature = Extract<Feature, { kind: 'window' }>;
export type LookupFeature = Extract<Feature, { kind: 'lookup' }>;
export type Encode = z.infer<typeof encode>;

/** Numbers in a feature that is a list; undefined where it is one value. */
export function sizeOf(feature: Feature): number | undefined {
  return feature.kind === 'embedding' || feature.kind === 'lookup' ? feature.size : undefined;
}

/** The model's inputs in their order: a feature's name, or `name[0]`, `name[1]`, ... where it is a list. */
export function modelInputs({ features }: { readonly features: readonly Feature[] }): string[] {
  return features.flatMap((feature) => {
    const size = sizeOf(feature);
    return size === undefined
      ? [feature.name]
      : Array.from({ length: size }, (_, at) => `${feature.name}[${at}]`);
  });
}
