import { rmSync } from 'node:fs';
import { invalid, waitFor } from '@perennial/kernel';
import { readTextFile, writePrivateFile } from './private-file.js';
import { processStartMark } from './process-identity.js';

/** How long an orphan may take to end by itself before it is killed. */
const orphanEndsWithinMs = 5_000;

interface Entry {
  readonly name: string;
  readonly pid: number;
  /** Tells the process from a later one with the same pid. */
  readonly mark: string;
}

interface Children {
  readonly supervisor: Entry;
  readonly children: readonly Entry[];
}

/** Keeps who runs for this data folder, for the next start to see. */
export function writePids(file: string, pids: ReadonlyMap<string, number>): void {
  const children = [...pids].flatMap(([name, pid]) => entry(name, pid) ?? []);
  const supervisor = entry('supervisor', process.pid);
  writePrivateFile(file, `${JSON.stringify({ supervisor, children }, undefined, 2)}\n`);
}

export function removePids(file: string): void {
  rmSync(file, { force: true });
}

function entry(name: string, pid: number): Entry | undefined {
  const mark = processStartMark(pid);
  return mark === undefined ? undefined : { name, pid, mark };
}

/**
 * Ends what a killed supervisor left running on this data folder.
 *
 * @throws PlatformError ALREADY_RUNNING when its supervisor is alive
 */
export async function endOrphans(file: string, report: (line: string) => void): Promise<void> {
  const text = readTextFile(file);
  if (!text) return;
  const { supervisor, children } = JSON.parse(text) as Children;
  if (isAlive(supervisor)) {
    throw invalid(
      'ALREADY_RUNNING',
      `the platform already runs on this data folder (process ${supervisor.pid}); stop it with Ctrl-C or: kill ${supervisor.pid}`,
    );
  }
  const orphans = children.filter(isAlive);
  if (orphans.length > 0)
    report(`ending ${orphans.length} processes that a killed supervisor left behind ...`);
  await Promise.all(orphans.map(endOrphan));
  removePids(file);
}

function isAlive({ pid, mark }: Entry): boolean {
  return processStartMark(pid) === mark;
}

async function endOrphan(orphan: Entry): Promise<void> {
  // SIGINT is a fast, clean end for postgres, nats-server and our services alike.
  signal(orphan.pid, 'SIGINT');
  try {
    await waitFor(`${orphan.name} to end`, () => !isAlive(orphan), { withinMs: orphanEndsWithinMs });
  } catch {
    // The group, because the process may have started others; each child leads one.
    signal(-orphan.pid, 'SIGKILL');
    await waitFor(`${orphan.name} to end`, () => !isAlive(orphan));
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended in the meantime.
  }
}
