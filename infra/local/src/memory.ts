import { readdirSync, readFileSync } from 'node:fs';

/**
 * Proportional set size of the processes and, by default, all their descendants, in bytes: shared pages are counted
 * once, by parts. Undefined where the system has no /proc/PID/smaps_rollup.
 */
export function pssBytes(pids: readonly number[], { withDescendants = true } = {}): number | undefined {
  if (process.platform !== 'linux') return undefined;
  let total = 0;
  for (const pid of withDescendants ? andDescendants(pids) : pids) {
    try {
      const match = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
      total += Number(match?.[1] ?? 0) * 1024;
    } catch {
      // It ended between the look and the reading.
    }
  }
  return total === 0 ? undefined : total;
}

function andDescendants(pids: readonly number[]): Set<number> {
  const childrenOf = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(name);
    if (parent !== undefined) childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), Number(name)]);
  }
  const all = new Set(pids);
  for (const pid of all) for (const child of childrenOf.get(pid) ?? []) all.add(child);
  return all;
}

/** Field 4 of /proc/PID/stat, counted behind the name, which may hold spaces. */
function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}
