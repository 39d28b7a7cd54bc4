const MiB = 1024 * 1024;

/** Bounds of the gateway, with their reasons. */
export const gatewayLimits = {
  /** How long a prediction may take in all; restarts of inference and featurize (1 to 3 s) fit into it. */
  predictTimeoutMs: 10_000,
  /** A client may ask for less or for more, not for ever. */
  predictTimeoutMsMax: 60_000,
  /** How often one request is sent to a replica: it may lose it twice to kills; a third loss looks like the request's fault. */
  sendsMax: 3,
  reconnectDelayMsMin: 25,
  reconnectDelayMsMax: 500,
  /** Predictions told but not yet acknowledged by the bus, and requests in hand; about 2 KiB each. */
  spooledPredictionsMax: 10_000,
  /** Publishes that wait for their acknowledgement at the same time. */
  publishesInFlightMax: 256,
  publishTimeoutMs: 5_000,
  publishRetryDelayMsMax: 2_000,
  /** Rows of one request that its prediction event keeps; shadows answer these. */
  recordedRowsMax: 32,
  /** A prediction event; the stream takes 256 KiB with headers. */
  predictionBytesMax: 192 * 1024,
  /** Rollback and promote answer when this gateway serves the new routes, or after this. */
  switchWaitMs: 2_000,
  /** A body of tensors; binary rows are small, and one body is held in memory. */
  tensorBodyBytesMax: 64 * MiB,
  controlBodyBytesMax: 4 * MiB,
  /** Long poll of the watermark; proxies in between give up after 60 s. */
  watermarkWaitMsMax: 55_000,
} as const;
