import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';

/**
 * Cores that this process may use: the least of the host's, its own CPU set, and the quotas of its control groups up
 * to the root. A container with a quota of two cores on a host of 64 that starts 64 threads is throttled to a stop.
 */
export function coreBudget(read: (file: string) => string = (file) => readFileSync(file, 'utf8')): number {
  return Math.min(availableParallelism(), quotaV2(read), quotaV1(read));
}

const root = '/sys/fs/cgroup';

function quotaV2(read: (file: string) => string): number {
  let cores = Number.POSITIVE_INFINITY;
  const own = textOf(read, '/proc/self/cgroup').match(/^0::(\/.*)$/m)?.[1] ?? '/';
  for (let group = own; ; group = path.posix.dirname(group)) {
    const [quota, period] = textOf(read, path.posix.join(root, group, 'cpu.max'))
      .trim()
      .split(' ');
    if (Number(quota) > 0 && Number(period) > 0) cores = Math.min(cores, Number(quota) / Number(period));
    if (group === '/' || group === '.') return cores;
  }
}

function quotaV1(read: (file: string) => string): number {
  const quota = Number(textOf(read, `${root}/cpu/cpu.cfs_quota_us`));
  const period = Number(textOf(read, `${root}/cpu/cpu.cfs_period_us`));
  return quota > 0 && period > 0 ? quota / period : Number.POSITIVE_INFINITY;
}

function textOf(read: (file: string) => string, file: string): string {
  try {
    return read(file);
  } catch {
    return '';
  }
}
