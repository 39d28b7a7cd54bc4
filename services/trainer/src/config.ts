import { z } from '@perennial/service';

const positive = z.coerce.number().int().positive();

/** Settings of this service; each is `PERENNIAL_<UPPER_SNAKE>` in the environment. */
export const settings = {
  leaseMs: positive
    .default(5_000)
    .describe('How long a run waits for its service after it was killed; renewed three times as often.'),
  pollMs: positive
    .default(250)
    .describe('How often runs are looked for: one indexed look at a table that is nearly always empty.'),
  trainingTimeoutMs: positive
    .default(3_600_000)
    .describe('After it a training process is killed: a run that hangs must not hold its place for ever.'),
  trainingHeapMib: positive
    .default(2_048)
    .describe('V8 heap of a training process, MiB; columns of numbers are outside of it, texts inside.'),
  tablesMemoryMib: positive
    .default(512)
    .describe('What DuckDB may take in a training process before it spills to disk, MiB.'),
};

export type Settings = z.infer<z.ZodObject<typeof settings>>;
