/** Bounds of this service, with their reasons. */
export const inferenceLimits = {
  /** Requests of one stream that are in hand or answered and not yet sent; past it the stream is read no further. */
  streamInHandMax: 4_096,
  /** Runs before a test is timed: the first ones pay for what the engine puts off until it is used. */
  warmUpRuns: 10,
  /** How long a model's load is waited for before it is tried again; the artifact may still be on its way. */
  loadRetryDelayMs: 500,
  loadRetryDelayMsMax: 10_000,
} as const;
