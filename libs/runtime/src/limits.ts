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
  /** Executors that may end under one request before it is given up; the first may have been a neighbour's fault. */
  crashesMax: 2,
} as const;
