import { z } from '@perennial/service';

/** Settings of this service; each is `PERENNIAL_<UPPER_SNAKE>` in the environment. */
export const settings = {
  signingKeyFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      'PEM file with the Ed25519 key that signs every model version; without it digests alone vouch for models.',
    ),
  firstTrainingLabelsMin: z.coerce
    .number()
    .int()
    .positive()
    .default(60)
    .describe('Verified rows and labels before a first model is trained; under 60 a hold-out says little.'),
  testTimeoutMs: z.coerce
    .number()
    .int()
    .positive()
    .default(60_000)
    .describe(
      'How long inference may take to load and try a candidate; a large model loads in some seconds.',
    ),
  testPollMs: z.coerce
    .number()
    .int()
    .positive()
    .default(250)
    .describe('How often due tests are looked for: one indexed look at a table that is nearly always empty.'),
  testRetryMsMax: z.coerce
    .number()
    .int()
    .positive()
    .default(15_000)
    .describe('The longest wait between two tries while inference is away.'),
};
