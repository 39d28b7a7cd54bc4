import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

export const cores = cpus().length;

/** CPU time of all threads of a process so far, in microseconds; 0 for one that is gone. */
export function cpuUs(pid: number): number {
  let sum = 0;
  try {
    for (const task of readdirSync(`/proc/${pid}/task`)) sum += taskNs(pid, task);
  } catch {
    return 0;
  }
  return sum / 1_000;
}

/** The scheduler counts in nanoseconds; /proc/PID/stat in hundredths of a second, too coarse for a slot. */
function taskNs(pid: number, task: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  } catch {
    return 0;
  }
}

/** A process and all that it started, since PostgreSQL and the like are many. */
export function withChildren(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const fields = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      parents.set(Number(name), Number(fields[1]));
    } catch {
      // It ended between the look and the reading.
    }
  }
  const family = [pid];
  for (const member of family)
    for (const [child, parent] of parents) if (parent === member) family.push(child);
  return family;
}

/** Time that all cores were busy so far, whoever kept them so, in microseconds; in steps of 10 ms. */
export function busyUs(): number {
  const [user, nice, system, , , irq, softirq, steal] = (
    readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? ''
  )
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const ticks = [user, nice, system, irq, softirq, steal].reduce<number>((sum, each) => sum + (each ?? 0), 0);
  return ticks * 10_000;
}

/** Proportional memory in bytes. */
export function pssBytes(pids: readonly number[]): number {
  let kib = 0;
  for (const pid of pids) {
    try {
      kib += Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      // Gone.
    }
  }
  return kib * 1024;
}
