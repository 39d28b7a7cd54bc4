import { readdirSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort, launch, postgresProgram, type RunningProcess, untilReady } from '@perennial/local';
import { runDirVariable, tempDir } from './temp-dir.js';

/** Where the test files ask for the run's PostgreSQL; see `postgresForTests`. */
export const postgresBrokerVariable = 'TESTKIT_POSTGRES_BROKER';
const readyWithinMs = 60_000;
const runDirPrefix = 'perennial-run-';

/** What a test file is told: enough to connect as the owner. */
export interface PostgresAddress {
  readonly url: string;
  readonly password: string;
  readonly passwordFile: string;
}

/**
 * For the test runner's global setup: opens the run's folder and a broker that starts PostgreSQL when the first test
 * file asks for it, so that pure tests wait for nothing. Returns the teardown, after which nothing is left.
 */
export async function startRunServers(): Promise<() => Promise<void>> {
  removeDeadRuns();
  const runDir = tempDir(`${runDirPrefix}${process.pid}`);
  process.env[runDirVariable] = runDir;
  // What services that a test killed have left behind in the system's folder goes with the run, too.
  process.env['TMPDIR'] = runDir;
  const stops: (() => Promise<void>)[] = [];
  let postgres: Promise<PostgresAddress> | undefined;
  const broker = createServer((socket: Socket) => {
    socket.on('error', () => {});
    postgres ??= startPostgres(runDir, stops);
    postgres.then(
      (address) => socket.end(JSON.stringify(address)),
      (error: Error) => socket.end(JSON.stringify({ error: error.message })),
    );
  });
  await new Promise<void>((resolve) => broker.listen(0, '127.0.0.1', resolve));
  broker.unref();
  process.env[postgresBrokerVariable] = String((broker.address() as { port: number }).port);
  return async () => {
    broker.close();
    await postgres?.catch(() => {});
    for (const stop of stops) await stop();
    rmSync(runDir, { recursive: true, force: true, maxRetries: 5 });
  };
}

/** Folders of runs that were killed. */
function removeDeadRuns(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(runDirPrefix)
      ? /^\d+(?=-)/.exec(name.slice(runDirPrefix.length))?.[0]
      : undefined;
    if (pid !== undefined && !isRunning(Number(pid)))
      rmSync(path.join(tmpdir(), name), { recursive: true, force: true, maxRetries: 5 });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's, and his to remove.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function startPostgres(runDir: string, stops: (() => Promise<void>)[]): Promise<PostgresAddress> {
  const logFile = path.join(runDir, 'postgres.log');
  const program = await postgresProgram({
    dir: path.join(runDir, 'postgres'),
    passwordFile: path.join(runDir, 'postgres-password'),
    port: await freePort(),
    isEphemeral: true,
    settings: { max_connections: '300' },
  });
  const started: RunningProcess = await launch(program, logFile);
  stops.push(() => started.stop());
  await untilReady(program, started, logFile, readyWithinMs);
  return { url: program.url, password: program.password, passwordFile: program.passwordFile };
}
