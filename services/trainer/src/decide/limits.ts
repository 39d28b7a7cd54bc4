/** Bounds of this service, with their reasons. */
export const trainerLimits = {
  /** Failures of the training itself: the first may be chance (memory, disk), the third is not. */
  failuresMax: 3,
  /** Times a run is begun at all: one that takes the whole service down each time must end too. */
  attemptsMax: 10,
  /** Wait after a failure, doubled by each further one. */
  retryMs: 1_000,
  retryMsMax: 60_000,
  /** What a training process may print: its result is some hundred KiB, its errors a stack. */
  outputBytesMax: 64 * 1024 * 1024,
  errorTextMax: 8_192,
  /** Rows of the hold-out that go into the manifest as golden requests. */
  goldenRows: 16,
  /** Texts of a feature whose counts the manifest keeps, the most frequent first. */
  profileTextsMax: 1_000,
  /** Rows of the training set that the file's answers are compared on, beside the hold-out's. */
  checkRows: 10_000,
  /** The file against the trainer, relative: both sum the same doubles, in an order that may differ. */
  checkTolerance: 1e-9,
  /** Slices of one column: with more values than that it is no slice but a measurement. */
  slicesMax: 100,
  /** Runs in one answer. */
  listedRunsMax: 500,
} as const;
