import path from 'node:path';
import { freePort, launch, postgresProgram, type RunningProcess, untilReady } from '@perennial/local';
import { tempDir } from './temp-dir.js';

const readyWithinMs = 60_000;

export interface OwnPostgres {
  /** With the password; the same after a restart. */
  readonly url: string;
  /** SIGKILL of the postmaster; returns when it is gone. */
  kill(): Promise<void>;
  /** Starts it again with the same port and data, after stopping it if it runs. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A PostgreSQL for one test file, to be killed and started again; takes seconds. Others use `postgresForTests`. */
export async function startPostgres(): Promise<OwnPostgres> {
  const dir = tempDir('postgres');
  const logFile = path.join(dir, 'postgres.log');
  const program = await postgresProgram({
    dir: path.join(dir, 'server'),
    passwordFile: path.join(dir, 'password'),
    port: await freePort(),
    isEphemeral: true,
    // Commits reach the kernel before they are answered, so that they survive the kill; the disk they need not reach.
    settings: { synchronous_commit: 'on' },
  });
  const start = async (): Promise<RunningProcess> => {
    const started = await launch(program, logFile);
    await untilReady(program, started, logFile, readyWithinMs);
    return started;
  };
  let current = await start();
  await program.createDatabase();
  const url = new URL(program.url);
  url.password = program.password;
  return {
    url: url.toString(),
    kill: async () => {
      current.kill('SIGKILL');
      await current.exited;
    },
    restart: async () => {
      await current.stop();
      current = await start();
    },
    stop: () => current.stop(),
  };
}
