const KiB = 1024;
const MiB = 1024 * KiB;

/** Every bound that more than one package must know, with its unit in the name and its reason beside it. */
export const limits = {
  /** An event body over this travels as an artifact and the event carries its digest (claim check). */
  eventBodyBytesMax: 64 * KiB,
  /** A bus message; the streams refuse more. Over a row's size by far. */
  messageBytesMax: 256 * KiB,
  /** One row as JSON: a row is a record, not a document. */
  rowBytesMax: 64 * KiB,
  /** One HTTP body of rows or predictions that is held in memory. Files are streamed and not bounded by this. */
  httpBodyBytesMax: 16 * MiB,
  /** grpc-js refuses 4 MiB by default; batches of predictions need more. */
  grpcMessageBytesMax: 64 * MiB,
  /** A model file: trees of a small team are under 10 MiB. */
  modelBytesMax: 512 * MiB,
  /** Rows in one segment: some tens of MiB of Parquet, read in one go. */
  segmentRowsMax: 100_000,
  /** How far ahead of the platform's clock an event time may lie: clocks of other systems differ, days do not. */
  eventTimeAheadMsMax: 24 * 60 * 60_000,
  /** Rows of one prediction request over JSON. */
  predictRowsMax: 1_000,
  /** How long a call between services may take unless it says otherwise. */
  rpcTimeoutMs: 10_000,
  /** How long a service may take to drain after SIGTERM before it is killed. */
  drainTimeoutMs: 10_000,
} as const;
