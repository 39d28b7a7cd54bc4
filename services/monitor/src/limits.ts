/** Bounds of this service, with their units and reasons. */
export const monitorLimits = {
  /** How far back (by when they were received) ids of predictions are remembered; the gateway repeats for minutes. */
  seenPredictionsDays: 7,
  /** Predictions in one question for their rows; a body of labels has as many. */
  predictionsFoundMax: 1_000,
  /** Labelled rows that are looked at in one go; a bulk of labels is worked off in such parts. */
  rowsPerLookMax: 5_000,
  /** Reports in one answer. */
  reportsListedMax: 1_000,
  reportsListedDefault: 50,
} as const;
