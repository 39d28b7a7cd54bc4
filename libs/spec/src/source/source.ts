import { z } from 'zod';

/** What happens to rows whose event time lies behind the source's watermark. */
export const latePolicies = ['take', 'quarantine', 'refuse'] as const;
const kinds = ['rows', 'labels'] as const;

export const lateSchema = z.strictObject({
  /** How far behind the newest event time of the source a row may lie; without it no row is late. */
  watermarkMs: z.number().positive().optional(),
  policy: z.enum(latePolicies),
});

/** A place that is looked through for files; each is published once, by its digest. */
const placeShape = {
  kind: z.enum(kinds),
  /** Who the rows come from. */
  producer: z.string(),
};

/**
 * A document of `kind: Source` as the platform understands it: defaults filled in, durations in milliseconds. Its
 * canonical JSON travels in `source.declared`; a field that is added must have a default there.
 */
export const sourceSchema = z.strictObject({
  name: z.string(),
  purpose: z.string().optional(),
  time: z.strictObject({
    column: z.string(),
    /** IANA zone of times that come without an offset; without it they are UTC. */
    zone: z.string().optional(),
  }),
  key: z.array(z.string()),
  late: lateSchema,
  /** `path` is a folder or a glob of files. */
  folders: z.array(z.strictObject({ path: z.string(), ...placeShape })),
  /** `prefix` is `s3://bucket/beginning-of-the-keys`. */
  s3: z.array(z.strictObject({ prefix: z.string(), ...placeShape })),
});

export type Source = z.infer<typeof sourceSchema>;
export type Late = Source['late'];
