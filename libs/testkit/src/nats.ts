import path from 'node:path';
import {
  freePort,
  launch,
  type NatsAuth,
  type NatsProgram,
  natsAuth,
  natsProgram,
  type RunningProcess,
  untilReady,
} from '@perennial/local';
import { tempDir } from './temp-dir.js';

const readyWithinMs = 20_000;
const portAttemptsMax = 5;

export interface NatsForTests {
  /** `nats://127.0.0.1:<port>`; the same after a restart. */
  readonly url: string;
  readonly pid: number;
  /** Keys and credential files, when asked for with `withAuth`; without, everybody may do everything. */
  readonly auth: NatsAuth | undefined;
  /** SIGKILL; returns when the process is gone. */
  kill(): Promise<void>;
  /** Starts it again with the same port and streams, after stopping it if it runs. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A nats-server with JetStream for one test file, on a port of its own; call `stop()` in `afterAll`. */
export async function startNats({ withAuth = false } = {}): Promise<NatsForTests> {
  const dir = tempDir('nats');
  const auth = withAuth ? await natsAuth(path.join(dir, 'auth')) : undefined;
  const logFile = path.join(dir, 'nats.log');
  for (let attempt = 1; ; attempt++) {
    const program = await natsProgram({ dir, port: await freePort(), ...(auth && { auth }) });
    try {
      return handle(program, logFile, await start(program, logFile), auth);
    } catch (error) {
      // Somebody else took the port between the look and the start.
      if (attempt === portAttemptsMax) throw error;
    }
  }
}

async function start(program: NatsProgram, logFile: string): Promise<RunningProcess> {
  const started = await launch(program, logFile);
  try {
    await untilReady(program, started, logFile, readyWithinMs);
  } catch (error) {
    await started.stop();
    throw error;
  }
  return started;
}

function handle(
  program: NatsProgram,
  logFile: string,
  first: RunningProcess,
  auth: NatsAuth | undefined,
): NatsForTests {
  let current = first;
  return {
    url: program.url,
    auth,
    get pid() {
      return current.pid;
    },
    kill: async () => {
      current.kill('SIGKILL');
      await current.exited;
    },
    restart: async () => {
      await current.stop();
      current = await start(program, logFile);
    },
    stop: () => current.stop(),
  };
}
