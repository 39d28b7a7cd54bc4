import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts a process's CPU time in hundredths of a second. */
const tickMs = 10;

/** CPU time of a process and its children so far, in ms; 0 where the system does not say. */
export function cpuMs(pid: number | undefined): number {
  if (pid === undefined) return 0;
  try {
    const children = readdirSync('/proc').filter(
      (name) => /^\d+$/.test(name) && statOf(name)?.parent === pid,
    );
    return [String(pid), ...children].reduce((sum, name) => sum + (statOf(name)?.cpuMs ?? 0), 0);
  } catch {
    return 0;
  }
}

/** The name in parentheses may hold anything; fields are counted behind it. */
function statOf(pid: string): { parent: number; cpuMs: number } | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return { parent: Number(fields[1]), cpuMs: (Number(fields[11]) + Number(fields[12])) * tickMs };
  } catch {
    return undefined;
  }
}

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
