import { z } from 'zod';

/**
 * How a deployment is served, as far as a person said so. What is left out, or says the default, is absent, so that
 * equal settings give equal text and an older event reads as it did.
 */
export const places = ['auto', 'pool', 'edge'] as const;
export const captureLevels = ['none', 'metadata', 'full'] as const;

const count = z.number().int().positive();

export const servingShape = {
  /** Absent: by measured cost. */
  place: z.enum(['pool', 'edge']).optional(),
  /** Absent: all of every request. */
  capture: z
    .strictObject({
      level: z.enum(['none', 'metadata']).optional(),
      /** Share of requests, above 0 and below 1. */
      share: z.number().optional(),
    })
    .optional(),
  /** Absent: no cache. */
  cache: z.strictObject({ seconds: count, entries: count }).optional(),
  /** Header or row column. */
  stickyBy: z.string().optional(),
  hedge: z.literal(true).optional(),
  deadlineMs: z.number().positive().optional(),
  rowByRow: z.literal(true).optional(),
  preferredBatch: z.array(count).optional(),
  classes: z.array(z.string()).optional(),
  bandit: z
    .strictObject({
      /** Column of the labels. */
      reward: z.string(),
      minimize: z.boolean(),
      /** Share of requests that every variant keeps. */
      floor: z.number(),
    })
    .optional(),
  pinned: z.literal(true).optional(),
  queueRowsMax: count.optional(),
};

export const servingSchema = z.strictObject(servingShape);

export type Serving = z.infer<typeof servingSchema>;
