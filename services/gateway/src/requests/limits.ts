const MiB = 1024 * 1024;

/** Bounds of what is answered later, with their reasons. */
export const requestLimits = {
  /** Requests that this gateway works on at a time; each is at most 1,000 rows. */
  requestsInHandMax: 8,
  /** Batches that this gateway works on at a time; more would only share the same models. */
  batchesInHandMax: 2,
  /** How often the registry is asked for work where nothing wakes us; a request of our own does at once. */
  pollMs: 500,
  /** The longest pause while the registry is away. */
  pollMsMax: 5_000,
  /** A killed gateway's work is taken up after this; renewed at a third of it. */
  leaseMs: 15_000,
  /** One request, or one chunk of a batch; far longer than a client would wait. */
  predictTimeoutMs: 60_000,
  /** What is in the way may be there for a while: pauses grow from this … */
  retryMsMin: 500,
  /** … to this. */
  retryMsMax: 30_000,
  /** A submission that nothing could be done about for so long fails with the last reason. */
  expiresAfterMs: 24 * 3_600_000,
  /** Tries of a submission that fails by a fault of ours. */
  faultyAttemptsMax: 5,
  /** A file of rows on its way in; larger ones are sent in parts. */
  batchBytesMax: 512 * MiB,
  /** Files on their way in at once, of one caller and of all: together they may fill a disk. */
  uploadsOfCallerMax: 2,
  uploadsMax: 8,
  batchRowsMax: 5_000_000,
  /** One line or record; a row is a record and no document. */
  batchRowBytesMax: 1 * MiB,
  /** Rows of a part: what is done again at most after a kill, and one artifact. */
  partRows: 1_024,
  /** Rows of one prediction of a batch: as many as an event keeps, so that every row can get its label by its id. */
  chunkRows: 32,
  chunksInFlightMax: 4,
  /** Behind everybody who waits for an answer. */
  batchPriority: 1_000,
  /** Rows of a batch that may fail where the sender says nothing else. */
  rowsFailedMaxDefault: 1_000,
  /** How often the state of a submission is looked at for those who follow it. */
  followEveryMs: 500,
  /** An idempotency key; a UUID has 36 characters. */
  idempotencyKeyCharactersMax: 128,
} as const;
