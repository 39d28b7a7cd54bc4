import { z } from '@perennial/service';

const MiB = 2 ** 20;

/** Settings of this service; each is `PERENNIAL_<UPPER_SNAKE>` in the environment. */
export const settings = {
  onlineSlackMs: z.coerce
    .number()
    .int()
    .nonnegative()
    .default(6 * 3_600_000)
    .describe(
      'Data time by which a row asked about may be older than the newest data and still be answered from memory kept for it; older ones are computed from the segments.',
    ),
  trainingRowsMin: z.coerce
    .number()
    .int()
    .positive()
    .default(10)
    .describe('Labelled rows that must remain for training beside the hold-out; fewer teach nothing.'),
  workPollMs: z.coerce
    .number()
    .int()
    .positive()
    .default(250)
    .describe('How often work is looked for that another process has left; own work is told at once.'),
  tablesMemoryBytes: z.coerce
    .number()
    .int()
    .min(128 * MiB)
    .default(512 * MiB)
    .describe('Memory of DuckDB; beyond it a training set is spilled to disk while it is made.'),
  tablesThreads: z.coerce.number().int().positive().default(2).describe('Threads of DuckDB.'),
};

export type Settings = z.infer<z.ZodObject<typeof settings>>;
