import { z } from '@perennial/service';

/** Settings of this service; each is `PERENNIAL_<UPPER_SNAKE>` in the environment. */
export const settings = {
  logOrigin: z
    .string()
    .regex(/^[^\s+]{1,200}$/, 'must be 1 to 200 characters without spaces and plus signs')
    .default('perennial.local/audit')
    .describe('Begins the name of each log, followed by the tenant; a log keeps the name it began with.'),
  keyFile: z
    .string()
    .default('')
    .describe(
      'Where the signing key is kept (made with mode 0600 when absent), outside the database, with the last checkpoint beside it. Empty: in the database.',
    ),
};
