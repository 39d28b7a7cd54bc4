/** Quantiles of durations, in the unit they came in. */
export function quantiles(durations: readonly number[]): { p50: number; p99: number } {
  const sorted = [...durations].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

/** Runs `work` `count` times, `lanes` at a time; gives each duration in ms and the whole in seconds. */
export async function timed(
  count: number,
  lanes: number,
  work: (index: number) => Promise<unknown>,
): Promise<{ durations: number[]; perSecond: number }> {
  const durations: number[] = [];
  let next = 0;
  const startedAt = performance.now();
  const lane = async () => {
    for (let index = next++; index < count; index = next++) {
      const began = performance.now();
      await work(index);
      durations.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return { durations, perSecond: count / ((performance.now() - startedAt) / 1000) };
}

export function line(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`;
}
