import { launch, type RunningProcess } from './launch.js';
import { rotateLog } from './log-file.js';
import type { Program } from './program.js';

/** The pause before the first restart; doubled at each further one. */
const backoffFirstMs = 100;
/** A dependency that comes back is noticed within this. */
const backoffMaxMs = 5_000;
/** Who has run this long was healthy: the next crash starts the back-off anew. */
const healthyAfterMs = 10_000;

/** A program that is kept running until it is told to stop. */
export interface Supervised {
  readonly program: Program;
  readonly logFile: string;
  /** The pid, or undefined while it is down. */
  pid(): number | undefined;
  /** How often it had to be started again. */
  restarts(): number;
  /** Sends a signal; false when it is down. A process that ends by it is started again. */
  kill(signal: NodeJS.Signals): boolean;
  /** Ends it for good; the process is gone after. */
  stop(): Promise<void>;
}

export interface SuperviseOptions {
  readonly logFile: string;
  /** Told one line for each crash. */
  readonly report: (line: string) => void;
  /** Called after every start and end, so that the pids can be kept. */
  readonly onChange: () => void;
}

export function supervise(program: Program, { logFile, report, onChange }: SuperviseOptions): Supervised {
  let current: RunningProcess | undefined;
  let restartCount = 0;
  let isStopping = false;
  let wake = () => {};

  async function runOnce(): Promise<string> {
    try {
      current = await launch(program, logFile);
    } catch (error) {
      return (error as Error).message;
    }
    onChange();
    // It was told to stop while it was being started.
    if (isStopping) await current.stop();
    const exit = await current.exited;
    current = undefined;
    onChange();
    return `${program.name} ended (${exit.signal ?? `exit code ${exit.code}`})`;
  }

  async function keep(): Promise<void> {
    let backoffMs = backoffFirstMs;
    while (!isStopping) {
      const startedAt = performance.now();
      const reason = await runOnce();
      if (isStopping) return;
      if (performance.now() - startedAt > healthyAfterMs) backoffMs = backoffFirstMs;
      report(`${reason}; starting it again in ${backoffMs} ms, its log is ${logFile}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, backoffMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      restartCount += 1;
      backoffMs = Math.min(backoffMs * 2, backoffMaxMs);
    }
  }

  rotateLog(logFile);
  const ended = keep();
  return {
    program,
    logFile,
    pid: () => (current?.isAlive() ? current.pid : undefined),
    restarts: () => restartCount,
    kill: (signal) => current?.kill(signal) ?? false,
    stop: async () => {
      isStopping = true;
      wake();
      await current?.stop();
      await ended;
    },
  };
}
