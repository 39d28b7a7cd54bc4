const everyMs = 2_000;

/** Says every two seconds that `what` goes on, for as long as `work` does. */
export async function withProgress<T>(what: string, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    process.stdout.write(`  ${what}, ${seconds} s ...\n`);
  }, everyMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
