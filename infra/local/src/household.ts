import path from 'node:path';
import { unavailable } from '@perennial/kernel';
import { followLog, logTail } from './log-file.js';
import { removePids, writePids } from './pids-file.js';
import type { Program } from './program.js';
import { type Supervised, supervise } from './supervised.js';

/** A program waits for what it needs and does not crash over it; one that keeps crashing at the start will not come. */
const startRestartsMax = 4;

export interface HouseholdOptions {
  readonly logsDir: string;
  readonly pidsFile: string;
  readonly report: (line: string) => void;
  /** Shows every log line on the console, with the program's name before it. */
  readonly verbose: boolean;
}

/** All supervised programs of one platform, in the order in which they were added. */
export interface Household {
  names(): readonly string[];
  add(program: Program): void;
  /** @throws Error when there is no program of this name */
  get(name: string): Supervised;
  pids(): Map<string, number>;
  /**
   * @throws PlatformError PROCESS_NOT_READY with the end of the log of the one that did not come; START_INTERRUPTED
   * when the signal is aborted meanwhile
   */
  untilReady(withinMs: number, signal?: AbortSignal): Promise<void>;
  /** Ends the given programs at the same time; they are gone after. */
  stop(names: readonly string[]): Promise<void>;
}

export function household({ logsDir, pidsFile, report, verbose }: HouseholdOptions): Household {
  const members = new Map<string, Supervised>();
  const followers = new Map<string, () => void>();

  function pids(): Map<string, number> {
    const known = new Map<string, number>();
    for (const [name, member] of members) {
      const pid = member.pid();
      if (pid !== undefined) known.set(name, pid);
    }
    return known;
  }

  return {
    names: () => [...members.keys()],
    add: (program) => {
      const logFile = path.join(logsDir, `${program.name}.log`);
      if (verbose) followers.set(program.name, followLog(logFile, program.name));
      const onChange = () => writePids(pidsFile, pids());
      members.set(program.name, supervise(program, { logFile, report, onChange }));
    },
    get: (name) => {
      const member = members.get(name);
      if (member === undefined)
        throw new Error(`no process ${name}; there are ${[...members.keys()].join(', ')}`);
      return member;
    },
    pids,
    untilReady: async (withinMs, signal) => {
      const deadline = performance.now() + withinMs;
      await Promise.all([...members.values()].map((member) => memberReady(member, deadline, signal)));
    },
    stop: async (names) => {
      await Promise.all(names.map((name) => members.get(name)?.stop()));
      for (const name of names) followers.get(name)?.();
      if (pids().size === 0) removePids(pidsFile);
    },
  };
}

async function memberReady(
  member: Supervised,
  deadline: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const restartsBefore = member.restarts();
  for (;;) {
    const pid = member.pid();
    if (pid !== undefined && (await member.program.isReady(pid))) return;
    if (signal?.aborted) {
      throw unavailable('START_INTERRUPTED', 'the start was interrupted; nothing is left running');
    }
    const isCrashing = member.restarts() - restartsBefore >= startRestartsMax;
    if (isCrashing || performance.now() > deadline) {
      const what = isCrashing ? 'keeps ending at its start' : 'did not become ready in time';
      throw unavailable(
        'PROCESS_NOT_READY',
        `${member.program.name} ${what}; its log ${member.logFile} ends with:\n${logTail(member.logFile, 15)}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
