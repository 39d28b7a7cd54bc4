import { z } from 'zod';

/**
 * What a source's rows (or labels) are expected to be, as the platform understands it: durations in milliseconds,
 * shares between 0 and 1, numbers in the column's own unit. What is not expected is absent. Its canonical JSON travels
 * in events and is kept by version; a field that is added must be optional.
 */

/** The row is held, the whole segment is held, or it is only told. */
export const severities = ['quarantine', 'hold', 'warn'] as const;
/** `integer` is a number without a fraction; `time` an instant; `list` several values in one cell. */
export const columnTypes = ['number', 'integer', 'boolean', 'text', 'time', 'list'] as const;
/** What texts look like. `digits` is a code of digits that is no quantity: leading zeros count. */
export const formats = [
  'email',
  'uuid',
  'url',
  'date',
  'datetime',
  'ipv4',
  'ipv6',
  'digits',
  'hex',
  'json',
] as const;
export const monotones = ['increasing', 'strictly-increasing', 'decreasing', 'strictly-decreasing'] as const;
export const environments = ['training', 'serving'] as const;
/** Columns that are planned, alpha, debug, deprecated or disabled raise nothing; derived ones are computed by others. */
export const lifecycles = [
  'planned',
  'alpha',
  'beta',
  'production',
  'debug',
  'deprecated',
  'derived',
  'disabled',
] as const;
/** Rules of one column, each of which may have a severity of its own. */
export const columnRules = [
  'type',
  'presence',
  'range',
  'domain',
  'distinct',
  'format',
  'zone',
  'valency',
  'monotone',
  'capped',
  'constant',
  'skew',
  'drift',
  'stuck',
  'flood',
  'swapped',
] as const;
/** Rules of the set of rows. */
export const datasetRules = ['rows', 'freshness', 'interval', 'volume', 'order', 'columns'] as const;

const severity = z.enum(severities);
const share = z.number().min(0).max(1);
const count = z.number().int().nonnegative();
const cell = z.union([z.string(), z.number(), z.boolean()]);
const durationMs = z.number().positive();

const thresholds = z.strictObject({
  /** Largest difference of one value's share. */
  lInfinity: share.optional(),
  /** Jensen-Shannon divergence in bits, 0 to 1. */
  jensenShannon: share.optional(),
  /** Difference of counts, over the larger of them. */
  absolute: share.optional(),
});

export const columnSchema = z.strictObject({
  type: z.enum(columnTypes),
  /** Absent: it may be missing. `minFraction` of the rows of a segment have a value; 1 means each row. */
  presence: z.strictObject({ minFraction: share.optional(), minCount: count.optional() }).optional(),
  /** `min` and `max` were seen; outside `low` to `high` a value breaks the rule. For times, ms since the epoch. */
  range: z
    .strictObject({
      min: z.number().optional(),
      max: z.number().optional(),
      low: z.number().optional(),
      high: z.number().optional(),
    })
    .optional(),
  /** A closed domain breaks on any other value; `minMass` of a segment's values must lie within an open one. */
  domain: z
    .strictObject({ values: z.array(cell), closed: z.boolean(), minMass: share.optional() })
    .optional(),
  /** Number of different values in a segment; `unique`: no value occurs twice. */
  distinct: z
    .strictObject({ unique: z.literal(true).optional(), min: count.optional(), max: count.optional() })
    .optional(),
  format: z.enum(formats).optional(),
  /** IANA name of the zone that times without an offset are in. */
  zone: z.string().optional(),
  /** Values in a list; `shape` where every list has the same. */
  valency: z
    .strictObject({ min: count.optional(), max: count.optional(), shape: z.array(count).optional() })
    .optional(),
  /** Blanks around texts are taken off before anything else is asked. */
  trim: z.literal(true).optional(),
  /** Texts that stand for a missing value, after trimming; '' is one of them where it is listed. */
  missingAs: z.array(z.string()).optional(),
  /** How a boolean is spelled in texts. */
  spelled: z.strictObject({ true: z.array(z.string()), false: z.array(z.string()) }).optional(),
  monotone: z.enum(monotones).optional(),
  /** Values at which the true ones were cut off, and the share of rows that lie there. */
  capped: z
    .array(z.strictObject({ at: z.number(), side: z.enum(['low', 'high']), share: share.optional() }))
    .optional(),
  /** The only value there ever was. */
  constant: cell.optional(),
  /** Serving against training. */
  skew: thresholds.optional(),
  /** A segment against the one before. */
  drift: thresholds.optional(),
  /** Where it is expected; absent: everywhere. */
  environments: z.array(z.enum(environments)).optional(),
  lifecycle: z.enum(lifecycles).optional(),
  /** `default` for every rule of the column that is not named. */
  severity: z.partialRecord(z.enum(['default', ...columnRules]), severity).optional(),
  /** Who wrote it; such a column wins over what is inferred. */
  by: z.string().optional(),
  notes: z.array(z.string()).optional(),
});

/** Broken where `expr` is false (null is not false), or where no row of `references` has the same values. */
export const rowRule = z.strictObject({
  name: z.string(),
  expr: z.string().optional(),
  references: z
    .strictObject({ columns: z.array(z.string()), source: z.string(), to: z.array(z.string()) })
    .optional(),
  /** Asked only of rows for which this expression is true. */
  when: z.string().optional(),
  severity,
  by: z.string().optional(),
});

export const datasetSchema = z.strictObject({
  /** Rows of a segment; `againstPrevious` as a multiple of the segment before. */
  rows: z
    .strictObject({
      min: count.optional(),
      max: count.optional(),
      againstPrevious: z
        .strictObject({
          min: z.number().nonnegative().optional(),
          max: z.number().nonnegative().optional(),
        })
        .optional(),
    })
    .optional(),
  /** The newest row is no older than this. */
  freshness: z.strictObject({ withinMs: durationMs }).optional(),
  /** Rows (of each key) come every so often; an absent one is a gap. */
  intervalMs: durationMs.optional(),
  /** Rows in each `perMs`, between bounds, or within what is usual at that hour of the week. */
  volume: z
    .strictObject({
      perMs: durationMs,
      min: count.optional(),
      max: count.optional(),
      /** Share of periods that may alarm although nothing changed. */
      falseAlarms: share.optional(),
    })
    .optional(),
  /** Rows come in event-time order. */
  order: z.literal('event-time').optional(),
  /** What becomes of a column that is not in the schema; absent: it is taken, and the next proposal has it. */
  newColumns: severity.optional(),
  severity: z.partialRecord(z.enum(['default', ...datasetRules]), severity).optional(),
  by: z.string().optional(),
});

export const schemaDocument = z.strictObject({
  source: z.string(),
  of: z.enum(['rows', 'labels']),
  columns: z.record(z.string(), columnSchema),
  rules: z.array(rowRule),
  dataset: datasetSchema,
  /** What was found of the rows as a whole, in plain words. */
  notes: z.array(z.string()).optional(),
});

export type Severity = (typeof severities)[number];
export type ColumnSchema = z.infer<typeof columnSchema>;
export type RowRule = z.infer<typeof rowRule>;
export type DatasetSchema = z.infer<typeof datasetSchema>;
export type SchemaDocument = z.infer<typeof schemaDocument>;
export type ColumnRuleName = (typeof columnRules)[number];
export type DatasetRuleName = (typeof datasetRules)[number];
export type ValueFormat = (typeof formats)[number];

/** What a rule does where nobody said otherwise: single cells hold their row, what only a set shows is told. */
const usual: Readonly<Record<ColumnRuleName, Severity>> = {
  type: 'quarantine',
  presence: 'quarantine',
  range: 'quarantine',
  domain: 'quarantine',
  distinct: 'warn',
  format: 'quarantine',
  zone: 'warn',
  valency: 'quarantine',
  monotone: 'warn',
  capped: 'warn',
  constant: 'warn',
  skew: 'warn',
  drift: 'warn',
  stuck: 'warn',
  flood: 'warn',
  swapped: 'warn',
};

/** What breaking this rule of a column does. */
export function severityOf(column: Pick<ColumnSchema, 'severity'>, rule: ColumnRuleName): Severity {
  return column.severity?.[rule] ?? column.severity?.default ?? usual[rule];
}

/** What breaking this rule of the set does; told only, unless somebody said otherwise. */
export function datasetSeverityOf(dataset: DatasetSchema, rule: DatasetRuleName): Severity {
  if (rule === 'columns' && dataset.newColumns) return dataset.newColumns;
  return dataset.severity?.[rule] ?? dataset.severity?.default ?? 'warn';
}
