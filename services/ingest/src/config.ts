import { z } from '@perennial/service';

const GiB = 1024 ** 3;

/** Settings of this service; each is `PERENNIAL_<UPPER_SNAKE>` in the environment. */
export const settings = {
  natsPublicUrl: z
    .string()
    .min(1)
    .optional()
    .describe('Where producers reach the bus; told with their credential.'),
  producerSigningSeedFile: z
    .string()
    .min(1)
    .optional()
    .describe('File with the seed that signs the credentials of producers; without it none are made.'),
  producerAccount: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Public key of the account; needed where the seed is a signing key's and not the account's own.",
    ),
  fileBytesMax: z.coerce
    .number()
    .int()
    .positive()
    .default(8 * GiB)
    .describe(
      'A published file as it lies in the temporary folder while it is taken; beyond it, send it in parts.',
    ),
  bodiesAtOnceMax: z.coerce
    .number()
    .int()
    .positive()
    .default(16)
    .describe('Bodies of rows that are received at the same time; each has a file in the temporary folder.'),
  bodiesWaitingMax: z.coerce
    .number()
    .int()
    .nonnegative()
    .default(64)
    .describe('Bodies of rows that wait for their turn, unread; the next is told to come later.'),
  bodiesOfProducerMax: z.coerce
    .number()
    .int()
    .positive()
    .default(12)
    .describe('Bodies of one producer, received or waiting: below all places, so that others find one.'),
  bodyWaitMs: z.coerce
    .number()
    .int()
    .positive()
    .default(10_000)
    .describe(
      'Ms that a body waits for its turn before its sender is told to come later; senders give up at 30 s.',
    ),
  waitingMessagesMax: z.coerce
    .number()
    .int()
    .positive()
    .default(100_000)
    .describe('Messages kept for a source that no system describes yet; further ones become dead letters.'),
  datasetVersionEveryMs: z.coerce
    .number()
    .int()
    .positive()
    .default(2_000)
    .describe(
      'Ms from verified rows to the version of the dataset that has them; each version is one manifest.',
    ),
  compactFilesMin: z.coerce
    .number()
    .int()
    .nonnegative()
    .default(32)
    .describe('Neighbouring small files of a dataset that are made one; 0 leaves that to `dataset compact`.'),
  rawSegmentsKeptDays: z.coerce
    .number()
    .int()
    .nonnegative()
    .default(0)
    .describe(
      'Days that segments are kept as they came, beside their verified rows, before `gc` may delete them; 0: for ever.',
    ),
  garbageGraceSeconds: z.coerce
    .number()
    .int()
    .nonnegative()
    .default(86_400)
    .describe(
      'Seconds that an artifact which nothing needs is kept after it was put: what it belongs to may be on its way.',
    ),
  watchRoots: z
    .string()
    .default('')
    .transform((text) => text.split(',').filter((root) => root !== ''))
    .pipe(z.array(z.string().startsWith('/', 'every folder must be absolute')))
    .describe(
      'Folders, with commas between them, in which sources may name folders to watch; none: whoever declares a source must not thereby read the machine.',
    ),
  watchEveryMs: z.coerce
    .number()
    .int()
    .positive()
    .default(5_000)
    .describe('Ms between two looks through watched folders and prefixes; each look lists all of them.'),
  watchSettledMs: z.coerce
    .number()
    .int()
    .nonnegative()
    .default(5_000)
    .describe(
      'Ms that a file in a watched folder must have been left alone: one that is being written is not taken.',
    ),
};
