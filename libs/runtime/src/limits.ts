const MiB = 1024 * 1024;

/** Bounds of the runtime, with their reasons. */
export const runtimeLimits = {
  /** Rows in one run: past some thousands a tree ensemble costs the same per row, and others wait longer. */
  batchRowsMax: 4_096,
  /** Rows that may wait for one model; a bounded queue keeps goodput at any overload. A larger single request is let in alone. */
  queueRowsMax: 32_768,
  /** Memory of the inputs that wait, over all models. */
  queueBytesMax: 128 * MiB,
  /** Session memory is measured; this stands for what a session takes beyond what was seen growing. */
  sessionBytesMin: 1 * MiB,
  /** Executors that may end under one request: the first may have been a neighbour's fault, alone it is its own. */
  crashesMax: 2,
  /** A run that is not over after ten times what it should take, and this, is stuck; machines have moments of a second. */
  stuckAfterMsMin: 2_000,
  /** The same for a model of which nothing is known yet. */
  stuckAfterMsUnknown: 60_000,
  /** Executors that one model may leave stuck before it is refused for a while: each of them holds a core. */
  stuckMax: 3,
  stuckRefusedMs: 600_000,
  /** A batch on the thread that also reads requests: longer, and everybody waits for it. */
  inlineBatchUs: 1_000,
  /** A run that is answered where it was read although there are threads: to one and back takes about as long. */
  quickRunUs: 50,
} as const;
