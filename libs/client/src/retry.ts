/** For how long a call whose connection breaks is tried again: a gateway that restarts is back within this. */
export const retryMsDefault = 5_000;

const delayMsMin = 50;
const delayMsMax = 500;

/**
 * Tries `work` again while `isPassing` says that its failure may pass, for `withinMs` at most. For calls alone that
 * may be made twice.
 */
export async function tryAgain<T>(
  work: () => Promise<T>,
  isPassing: (thrown: unknown) => boolean,
  withinMs: number,
): Promise<T> {
  const deadlineAt = performance.now() + withinMs;
  for (let delayMs = delayMsMin; ; delayMs = Math.min(delayMs * 2, delayMsMax)) {
    try {
      return await work();
    } catch (thrown) {
      if (!isPassing(thrown) || performance.now() + delayMs > deadlineAt) throw thrown;
    }
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
}
