/** Bounds of the fleet, with their reasons; the policies that they feed are in decide/. */
export const fleetLimits = {
  reconnectDelayMsMin: 25,
  reconnectDelayMsMax: 500,
  /** A replica that is up answers a ping within a millisecond or two; a busy machine may make that a hundred times more. */
  pingTimeoutMs: 1_000,
  /** With requests in hand and nothing heard for so long it is pinged; 1 to 2 s after it hung it is left alone. */
  silenceMs: 700,
  silenceLookMs: 250,
  /** Announcements come each second. Who is silent for longer is pinged, and forgotten where it does not answer. */
  announcedWithinMs: 5_000,
  /** Its latency's half-life: a second is some hundred requests of a busy model. */
  latencyHalfLifeMs: 1_000,
  /** What a replica said of its load is too old after this. */
  reportMsMax: 2_000,
  /** A process is at its best when caches and code are warm. */
  slowStartMs: 10_000,
  circuit: { failuresMax: 5, requestsMin: 20, windowMs: 10_000, openMs: 1_000, openMsMax: 30_000, probes: 3 },
  /** No answer for so long says something about the replica, even where the client had allowed less. */
  slowIsFailureMs: 2_000,
  /** Three looks at windows of a second: a pause of the garbage collector is none, a throttled core is one. */
  slowWatch: { factor: 3, looks: 3 },
  slowLookMs: 1_000,
  slowSamplesMin: 10,
  /** A fifth of the requests may be sent again; a replica that is lost takes some hundred with it at most. */
  retries: { share: 0.2, perSecond: 10, kept: 500 },
  /** How often one request is sent in all. */
  sendsMax: 4,
  /** Replicas that go down with one request in hand before it is taken for the reason. */
  lossesMax: 2,
  /** Before the same replica is asked again: what is in the way needs a moment to pass. */
  resendDelayMs: 100,
  /** Requests that were in hand when a replica went down go one by one, unless one takes longer than this. */
  suspectPatienceMs: 100,
  /** A request that brings replicas down is refused for so long, and so many of them are remembered. */
  quarantineMs: 5 * 60_000,
  quarantineMax: 1_000,
  hedges: { share: 0.05, perSecond: 0, kept: 5 },
  hedgeQuantile: 0.95,
  /** A 95th percentile of fewer is no figure. */
  hedgeSamplesMin: 50,
  /** Who is busier than this is in no position to help. */
  hedgeUtilisationMax: 0.8,
  /** Windows of the latency of a model that the percentile is taken from. */
  latencyWindowMs: 5_000,
  /** Rows that wait for the first replica of an empty pool: what a small model answers in some milliseconds. */
  emptyPoolRowsMax: 1_024,
  /** Rows of one caller and model that wait here for their turn, as many as at a replica; deadlines cut sooner. */
  waitingRowsMax: 32_768,
  /** Memory of all inputs that wait here or are under way. */
  waitingBytesMax: 64 * 1024 * 1024,
  /** What is known of callers that ask nothing at the moment is forgotten past so many lanes. */
  lanesMax: 256,
  /** What callers asked and allowed counts for so long. */
  habitsWindowMs: 5_000,
  /** One in so many requests is read although its caller's others could not be answered in time: it may allow more. */
  shedReadEvery: 16,
  /** The longest deadline of a request: then nobody uses what was replaced any more. */
  drainMsMax: 60_000,
} as const;
