import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { unavailable } from '@perennial/kernel';
import { logTail } from './log-file.js';
import type { Program } from './program.js';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningProcess {
  readonly pid: number;
  /** Settles once, when the process has ended. */
  readonly exited: Promise<Exit>;
  isAlive(): boolean;
  /** Sends a signal to the process itself; false when it had ended before. */
  kill(signal: NodeJS.Signals): boolean;
  /** Sends the stop signal, and SIGKILL to the whole group after the program's bound. The process is gone after. */
  stop(): Promise<void>;
}

/**
 * Starts a program in a process group of its own, so that a Ctrl-C in the terminal reaches the supervisor alone and
 * it decides the order of the end. Where `setpriv` exists, the kernel ends the child when its parent dies, however
 * it dies; elsewhere the next start finds the orphan through `pids.json`.
 *
 * @throws PlatformError PROCESS_START_FAILED
 */
export async function launch(program: Program, logFile: string): Promise<RunningProcess> {
  await program.prepare?.();
  const [command, ...args] = [...(program.wrap ?? []), ...deathWish(), program.command, ...program.args];
  const log = openSync(logFile, 'a', 0o600);
  let child: ChildProcess;
  try {
    child = spawn(command as string, args, {
      detached: true,
      stdio: ['ignore', log, log],
      env: program.env,
      ...(program.cwd === undefined ? {} : { cwd: program.cwd }),
      ...(program.identity ?? {}),
    });
  } finally {
    closeSync(log);
  }
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      // Whatever it had started and left behind is in its group. Not later: the number may be another's by then.
      if (child.pid !== undefined) killGroup(child.pid);
      resolve({ code, signal });
    });
    child.once('error', () => resolve({ code: null, signal: null }));
  });
  if (child.pid === undefined) {
    await exited;
    throw unavailable('PROCESS_START_FAILED', `${program.name}: cannot run ${program.command}`);
  }
  return running(program, child, child.pid, exited);
}

function running(program: Program, child: ChildProcess, pid: number, exited: Promise<Exit>): RunningProcess {
  const isAlive = () => child.exitCode === null && child.signalCode === null;
  return {
    pid,
    exited,
    isAlive,
    kill: (signal) => isAlive() && child.kill(signal),
    stop: async () => {
      if (!isAlive()) return;
      child.kill(program.stopSignal);
      const timer = setTimeout(() => killGroup(pid), program.stopWithinMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in the group.
  }
}

/**
 * Words before a command by which the kernel kills it when its parent dies, however the parent dies. SIGKILL is
 * safe: every program here recovers from it, which the chaos tests prove.
 */
export function deathWish(): string[] {
  const setpriv = '/usr/bin/setpriv';
  return process.platform === 'linux' && existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL', '--'] : [];
}

/**
 * Waits until the program serves.
 *
 * @throws PlatformError PROCESS_NOT_READY with the end of its log, when it ends first or `withinMs` pass
 */
export async function untilReady(
  program: Program,
  started: RunningProcess,
  logFile: string,
  withinMs: number,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  let what = '';
  while (what === '') {
    if (await program.isReady(started.pid)) return;
    if (!started.isAlive()) what = 'ended before it was ready';
    else if (performance.now() > deadline) what = `was not ready within ${withinMs / 1000} s`;
    else await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const tail = logTail(logFile, 15);
  throw unavailable('PROCESS_NOT_READY', `${program.name} ${what}; its log ${logFile} ends with:\n${tail}`);
}
