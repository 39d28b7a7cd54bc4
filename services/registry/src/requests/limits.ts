/** Bounds of submissions, with their reasons. */
export const requestLimits = {
  /** Of one caller that have not ended: some seconds of work for requests, and a mistake in a loop beyond. */
  openSubmissionsMax: 1_000,
  /** How long results can be fetched after the end. */
  keptDays: 7,
  /** Forgotten with each new one, so that nothing has to be swept by a clock. */
  forgottenAtOnceMax: 100,
  /** A worker that was killed keeps a submission for so long at most, whatever it asked for. */
  leaseMsMax: 120_000,
} as const;
