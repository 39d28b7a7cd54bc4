/** Comes at a moment of a schedule (ms of performance.now()), or at once where that is past: load is sent by the clock. */
export function at(due: number): Promise<void> {
  const left = due - performance.now();
  // The timer is no finer than a millisecond.
  if (left < 1) return Promise.resolve();
  return new Promise((come) => setTimeout(() => come(), left));
}
