import { z } from 'zod';
import { lateSchema } from '../source/source.js';
import { featureSchema } from './features.js';
import { servingShape } from './serving.js';

/**
 * A system.yaml as the platform understands it: every default filled in, durations in milliseconds, shares as numbers
 * between 0 and 1. Its canonical JSON travels in events; a field that is added must have a default there.
 */

export const metrics = {
  regression: ['mae', 'rmse', 'r2'],
  classification: ['auc', 'accuracy', 'f1', 'logloss'],
} as const;
export const trainers = ['gbdt', 'linear'] as const;
/** Names that `train.parameters` may have; what values they take is known to libs/learn, which reads them. */
export const trainerParameters = {
  gbdt: ['trees', 'learningRate', 'leaves', 'minLeafRows', 'maxDepth', 'l2', 'seed'],
  linear: ['l2'],
} as const;
export const pools = ['cpu', 'gpu'] as const;
export const decayAnswers = ['retrain', 'alert', 'approve-then-retrain'] as const;
export const riskClasses = ['minimal', 'limited', 'high'] as const;
/** What is done about features that seem to give the label away: told only, or not trained on. */
export const leakAnswers = ['warn', 'refuse'] as const;
export const tasks = ['regression', 'classification'] as const;

const metric = z.enum([...metrics.regression, ...metrics.classification]);
const pool = z.enum(pools);
const count = z.number().int().nonnegative();

export const systemSchema = z.strictObject({
  name: z.string(),
  purpose: z.string().optional(),
  source: z.strictObject({
    name: z.string(),
    time: z.string(),
    key: z.array(z.string()),
    schema: z.literal('inferred'),
    /** IANA zone of times that come without an offset; without it they are UTC. */
    zone: z.string().optional(),
    late: lateSchema.optional(),
  }),
  label: z.strictObject({
    /** How the label's column is called in training sets and windows. */
    name: z.string(),
    column: z.string().optional(),
    expr: z.string().optional(),
    task: z.enum(tasks),
    arrivesWithinMs: z.number().positive(),
  }),
  features: z.array(featureSchema),
  train: z.strictObject({
    trainer: z.enum(trainers),
    /** Event times from (inclusive) to (exclusive), ISO 8601. */
    on: z.union([
      z.strictObject({ window: z.literal('all') }),
      z.strictObject({ from: z.string(), to: z.string() }),
    ]),
    parameters: z.record(z.string(), z.number()),
    resources: z.strictObject({ pool }),
    /** Absent where nothing is said: a warning. */
    leaks: z.enum(leakAnswers).optional(),
  }),
  gate: z.strictObject({
    metric,
    holdOutRows: z.number().int().positive(),
    /** Share of the champion's error that a candidate must save. */
    betterBy: z.number(),
    confidence: z.number().optional(),
    slices: z.array(z.strictObject({ column: z.string(), minRows: count })),
    serving: z.strictObject({ p99Ms: z.number().optional(), memoryBytes: z.number().optional() }),
  }),
  serve: z.strictObject({
    pool,
    rollout: z.strictObject({
      shadowPredictions: count,
      canaryShares: z.array(z.number()),
      stepPredictions: count,
    }),
    ...servingShape,
  }),
  monitor: z.strictObject({
    windowRows: z.number().int().positive(),
    /** Share of windows that may alarm although nothing changed. */
    falseAlarmsPerWindow: z.number(),
    decay: z.strictObject({ metric, worseThan: z.number() }),
  }),
  onDecay: z.enum(decayAnswers),
  risk: z.strictObject({ class: z.enum(riskClasses) }),
});

export type System = z.infer<typeof systemSchema>;
