import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * A folder in the system's temporary one for files on their way, which may be of gigabytes. `remove` it at the end; those
 * of processes that were killed, and could not, are removed by the next one that begins.
 */
export async function makeWorkFolder(service: string): Promise<{ path: string; remove(): Promise<void> }> {
  const prefix = `perennial-${service}-`;
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number(/^\d+(?=-)/.exec(name.slice(prefix.length))?.[0] ?? Number.NaN);
    if (Number.isInteger(pid) && !isRunning(pid)) await removed(path.join(tmpdir(), name));
  }
  const folder = await mkdtemp(path.join(tmpdir(), `${prefix}${process.pid}-`));
  return { path: folder, remove: () => removed(folder) };
}

/** What another user left is his to remove. */
function removed(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true }).catch(() => {});
}

function isRunning(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
