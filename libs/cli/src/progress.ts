const beginAfterMs = 2_000;
const everyMs = 500;

/** Shows on a terminal's stderr what goes on, where it lasts over two seconds. */
export async function withProgress<T>(describe: () => string, work: () => Promise<T>): Promise<T> {
  if (!process.stderr.isTTY) return work();
  const startedAt = performance.now();
  let isShown = false;
  const timer = setInterval(() => {
    const elapsedMs = performance.now() - startedAt;
    if (elapsedMs < beginAfterMs) return;
    isShown = true;
    process.stderr.write(`\r\x1b[K${describe()} (${Math.round(elapsedMs / 1000)} s)`);
  }, everyMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    if (isShown) process.stderr.write('\r\x1b[K');
  }
}
