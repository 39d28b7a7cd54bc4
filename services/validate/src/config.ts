import { z } from '@perennial/service';

const MiB = 1024 ** 2;

/** Settings of this service; each is `PERENNIAL_<UPPER_SNAKE>` in the environment. */
export const settings = {
  columnarBytesMax: z.coerce
    .number()
    .int()
    .positive()
    .default(384 * MiB)
    .describe(
      'Memory of the columnar engine; a segment of 100,000 rows needs a tenth, beyond it files are spilled.',
    ),
  freshnessEverySeconds: z.coerce
    .number()
    .positive()
    .default(10)
    .describe(
      'How often sources whose schema declares a freshness are looked at, in seconds; a silence is told so much later.',
    ),
};
