import { z } from '@perennial/service';

const MiB = 1024 * 1024;

/** Settings of this service; each is `PERENNIAL_<UPPER_SNAKE>` in the environment. */
export const settings = {
  tablesMemoryBytes: z.coerce
    .number()
    .int()
    .positive()
    .default(256 * MiB)
    .describe('What reading label segments may take: a segment of 100 000 rows needs some tens of MiB.'),
};
