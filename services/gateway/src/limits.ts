const MiB = 1024 * 1024;

/** Bounds of the gateway, with their reasons. */
export const gatewayLimits = {
  /** How long a prediction may take in all; restarts of inference and featurize (1 to 3 s) fit into it. */
  predictTimeoutMs: 10_000,
  /** A client may ask for less or for more, not for ever. */
  predictTimeoutMsMax: 60_000,
  /** How often one request is sent to a replica: it may lose it twice to kills; a third loss looks like the request's fault. */
  sendsMax: 3,
  resendDelayMs: 100,
  /** Requests of more rows travel alone: joining them would gain little and make the others wait. */
  jointRequestRowsMax: 32,
  /** Rows that travel to a replica or to featurize together. */
  jointRowsMax: 256,
  /** A call that takes longer no longer keeps back those that wait to share the next one. */
  gatherPatienceMs: 100,
  reconnectDelayMsMin: 25,
  reconnectDelayMsMax: 500,
  /** Predictions told but not yet acknowledged by the bus, and requests in hand: some seconds of a busy gateway. */
  spooledPredictionsMax: 50_000,
  /** Predictions that are read or worked on at a time; each holds some 10 KiB, and none waits for long behind so many. */
  predictionsInHandMax: 4_096,
  /** Requests refused unread that become events, a second; the rest is counted: an event costs more than the refusal. */
  refusalsKeptPerSecond: 20,
  /** What those that are written down may take; some 1 to 2 KiB each. */
  spooledBytesMax: 64 * MiB,
  /** Events of this long share a message of the bus, whose acknowledgement costs more than an inference. */
  eventsGatheredMs: 10,
  /** Requests that were only counted are told this late at most. */
  countsToldMs: 1_000,
  /** Messages of up to `predictionBytesMax` that wait for their acknowledgement at the same time. */
  publishesInFlightMax: 16,
  /** Answers that are kept for deployments which are declared pure. */
  cacheBytesMax: 64 * MiB,
  /** Answers of one such deployment, where it says nothing itself. */
  cacheEntriesDefault: 10_000,
  /** After a restart of the bus its acknowledgements never come; then the event is published again. */
  publishTimeoutMs: 2_000,
  publishRetryDelayMsMax: 2_000,
  /** Rows of one request that its prediction event keeps; shadows answer these. */
  recordedRowsMax: 32,
  /** A message of prediction events, and each of them; the stream takes 256 KiB with headers. */
  predictionBytesMax: 192 * 1024,
  /** A label may be sent the moment its prediction was answered; the monitor hears of that within some 100 ms. */
  labelledPredictionWaitMs: 3_000,
  labelledPredictionPauseMs: 100,
  /** Rows of one request that are explained, one after the other. */
  explainRowsMax: 16,
  /** Inputs of a model that is explained: a sampled explanation needs twice as many evaluations at least. */
  explainInputsMax: 1_000,
  /** Rows that a model is asked about for one sampled explanation; an exact one needs 1,024 at most. */
  explainEvaluationsMax: 2_048,
  /** Rollback and promote answer when this gateway serves the new routes, or after this. */
  switchWaitMs: 1_500,
  /** A body of tensors; binary rows are small, and one body is held in memory. */
  tensorBodyBytesMax: 64 * MiB,
  /** The JSON of such a body: its values take up to ten times its size in a heap of some hundred MiB. Bytes need none. */
  jsonBytesMax: 16 * MiB,
  /** Lists and objects in it, each of which takes some 60 bytes: one a row is enough for any tensor of that size. */
  jsonContainersMax: 250_000,
  /** Large bodies that are on their way in at the same time, together; slow clients hold them for as long as they may. */
  largeBodiesBytesMax: 256 * MiB,
  /** From here on a body is counted as large: what is smaller holds this much of each connection at most. */
  largeBodyBytesMin: 64 * 1024,
  controlBodyBytesMax: 4 * MiB,
  /** Answers of this size are compressed for clients that ask for it; below it the time is worth more than the bytes. */
  compressedBytesMin: 16 * 1024,
  /** Requests of one gRPC stream that are worked on at a time; further ones are not read. */
  streamedRequestsMax: 128,
  /** Calls that one gRPC connection may have open; a client with more in hand opens another connection. */
  grpcStreamsMax: 1_000,
  /** Told in a model's configuration as the rows of one run; the runtime gathers as many at most. */
  configuredBatchMax: 4_096,
  /** Levels of priority of the extension "schedule_policy": 1 is the most urgent, the default is in the middle. */
  priorityLevels: 10,
  priorityDefault: 5,
  /** A body of the control plane on its way in; predictions have their own deadlines, uploads `uploadTimeoutMs`. */
  controlBodyTimeoutMs: 60_000,
  /** All headers of a request: a connection that says nothing is closed after this too. */
  headersTimeoutMs: 20_000,
  /** Headers together: a token and a trace are some hundred bytes. */
  headerBytesMax: 16 * 1024,
  /** How often connections are looked through for those that are over their time. */
  connectionsCheckMs: 5_000,
  /** Longer than the long poll of the watermark: a client's pool must not meet a connection that we just closed. */
  keepAliveMs: 75_000,
  /** The rest of a body whose answer is already sent: read for so long, so that the client reads the answer and no reset. */
  lateBodyMs: 5_000,
  /** The head, and the body, of a request in the fast lane; it lies in memory whole. Larger ones are node:http's. */
  laneHeadBytesMax: 8 * 1024,
  laneBytesMax: 64 * 1024,
  /** For the rest of a request that came in part, once or twice as long; who is slower is node:http's. */
  lanePartMs: 50,
  /** Each is a file descriptor and some 20 KiB; more are closed as they come. */
  connectionsMax: 4_000,
  /** Long poll of the watermark; proxies in between give up after 60 s. */
  watermarkWaitMsMax: 55_000,
  /** Between two looks whether everything is settled: one costs some ms of every service. */
  settlePauseMsMin: 5,
  settlePauseMsMax: 25,
  /** One try at featurize; a try that hangs on a connection of a killed database is given up for the next. */
  featuresAttemptMsMax: 4_000,
  /** A replica fetches a model, verifies and opens it; a large one takes some seconds. */
  loadTimeoutMs: 60_000,
  /** Exports, repairs and full checks of the log go through all data. */
  exportTimeoutMs: 10 * 60_000,
  /** A file of rows on its way in; ingest answers when all of them are durable. */
  uploadTimeoutMs: 30 * 60_000,
  /** Those who follow events or requests at a time; each that reads slowly may hold `followerBytesMax`. */
  followersMax: 128,
  /** Of one name among them: a page for each of a team, and a mistake in a loop beyond. */
  followersOfOneMax: 32,
  /** Events on their way to one follower that reads slowly; past it the follower is cut off. */
  followerBytesMax: 4 * MiB,
  /** Followers see a comment this often, so that proxies and they themselves know that the stream lives. */
  followerHeartbeatMs: 15_000,
  /** Requests in hand when the gateway stops; the whole service has 10 s to drain. */
  doorsDrainMs: 3_000,
  /** How long a stopping gateway waits for the bus to take its last prediction events. */
  spoolDrainMs: 3_000,
} as const;
