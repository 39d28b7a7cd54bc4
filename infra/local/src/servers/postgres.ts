import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { unavailable, waitFor } from '@perennial/kernel';
import pg from 'pg';
import { rememberedSecret } from '../private-file.js';
import { commandLine, processStartMark } from '../process-identity.js';
import type { Program } from '../program.js';
import { postgresBinaries } from './postgres-binaries.js';
import { type PostgresUser, postgresUser } from './postgres-user.js';

const run = promisify(execFile);

/** The role that owns everything in the embedded server; also the name of the one database of the platform. */
export const postgresName = 'perennial';
/** A busy machine with slow disks; 0.7 s where measured. */
const initTimeoutMs = 120_000;

export interface PostgresOptions {
  /** The server's folder; made at the first start. */
  readonly dir: string;
  /** Where the generated password is kept, 0600. */
  readonly passwordFile: string;
  readonly port: number;
  /** Gives up safety against power loss for speed; for tests. */
  readonly isEphemeral?: boolean;
  /** Settings of postgresql.conf over ours. */
  readonly settings?: Readonly<Record<string, string>>;
  /** How root runs it; chosen by what the machine offers when left out. */
  readonly way?: PostgresUser['way'];
  readonly report?: (line: string) => void;
}

export interface PostgresProgram extends Program {
  /** Without the password. */
  readonly url: string;
  readonly password: string;
  readonly passwordFile: string;
  /** Makes the database `perennial` if it is not there; the server must be ready. */
  createDatabase(name?: string): Promise<void>;
}

/**
 * A real PostgreSQL on loopback, as a program to launch: the npm binaries under our own launcher, initialised with
 * UTF-8 and byte order (C.UTF-8, so that sorting does not depend on the machine), TCP on loopback only, no socket
 * in /tmp.
 *
 * @throws PlatformError POSTGRES_MISSING, POSTGRES_INIT_FAILED
 */
export async function postgresProgram(options: PostgresOptions): Promise<PostgresProgram> {
  mkdirSync(path.dirname(path.resolve(options.dir)), { recursive: true });
  mkdirSync(path.dirname(options.passwordFile), { recursive: true, mode: 0o700 });
  const isFirstStart = !existsSync(options.passwordFile);
  const password = rememberedSecret(options.passwordFile, () => randomBytes(24).toString('base64url'));
  const user = postgresUser(postgresBinaries(), path.resolve(options.dir), options.way);
  const dataDir = path.join(user.dir, 'data');
  // Data that had to lie elsewhere outlives its folder; without its password nobody can want it any more.
  if (isFirstStart && user.dir !== path.resolve(options.dir))
    rmSync(dataDir, { recursive: true, force: true });
  if (!existsSync(dataDir)) {
    options.report?.('making the database folder ...');
    await initialise(user, dataDir, password, options.isEphemeral ?? false);
  }
  const url = `postgres://${postgresName}@127.0.0.1:${options.port}/${postgresName}`;
  const connection = { host: '127.0.0.1', port: options.port, user: postgresName, password };
  return {
    name: 'postgres',
    url,
    password,
    passwordFile: options.passwordFile,
    command: path.join(user.binaries, 'bin', 'postgres'),
    args: ['-D', dataDir, ...settings(options).flatMap(([key, value]) => ['-c', `${key}=${value}`])],
    env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', TZ: 'UTC' },
    cwd: user.dir,
    wrap: user.wrap,
    ...(user.identity === undefined ? {} : { identity: user.identity }),
    // "Fast" shutdown: connections are ended, the last checkpoint is written.
    stopSignal: 'SIGINT',
    stopWithinMs: 20_000,
    prepare: () => stopOrphan(dataDir),
    isReady: () => answers(connection),
    createDatabase: (name = postgresName) => createDatabase(connection, name),
  };
}

function settings(options: PostgresOptions): [string, string][] {
  const safe = options.isEphemeral ? 'off' : 'on';
  return Object.entries({
    listen_addresses: '127.0.0.1',
    port: String(options.port),
    unix_socket_directories: '',
    // The data of a small team fits the page cache; 128 MB (the default) costs 12 MB more of memory at rest.
    shared_buffers: '48MB',
    // Nine services with a pool each, and room for a person.
    max_connections: '160',
    // Whole-table scans are DuckDB's; /dev/shm is 64 MB in many containers.
    max_parallel_workers_per_gather: '0',
    dynamic_shared_memory_type: process.platform === 'linux' ? 'mmap' : 'posix',
    // No replication and small tables: no workers for either (PostgreSQL 18 starts three for input and output).
    io_method: 'sync',
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_logical_replication_workers: '0',
    fsync: safe,
    full_page_writes: safe,
    synchronous_commit: safe,
    log_min_messages: 'warning',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...options.settings,
  });
}

/** Into a folder beside, renamed when whole, so that a kill in the middle leaves nothing half made. */
async function initialise(
  user: PostgresUser,
  dataDir: string,
  password: string,
  isEphemeral: boolean,
): Promise<void> {
  const partial = `${dataDir}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(user.dir, { recursive: true, mode: 0o700 });
  const passwordCopy = path.join(user.dir, 'initial-password');
  writeFileSync(passwordCopy, password, { mode: 0o600 });
  if (user.identity) chownSync(passwordCopy, user.identity.uid, user.identity.gid);
  const [command, ...args] = [
    ...user.wrap,
    path.join(user.binaries, 'bin', 'initdb'),
    `--pgdata=${partial}`,
    `--username=${postgresName}`,
    `--pwfile=${passwordCopy}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C.UTF-8',
    '--no-instructions',
    ...(isEphemeral ? ['--no-sync'] : []),
  ];
  try {
    await run(command as string, args, {
      cwd: user.dir,
      timeout: initTimeoutMs,
      env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' },
      ...(user.identity ?? {}),
    });
    renameSync(partial, dataDir);
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    throw unavailable(
      'POSTGRES_INIT_FAILED',
      `the embedded PostgreSQL could not make its folder ${user.dir}: ${(stderr || message).trim()}; ` +
        'free some disk space or set DATABASE_URL to a PostgreSQL of your own',
      { cause: error },
    );
  } finally {
    rmSync(passwordCopy, { force: true });
  }
}

/**
 * Ends a postgres that outlived its supervisor and clears its pid file. Postgres itself would refuse to start when
 * the file names a living process, even if the pid has long been somebody else's.
 */
async function stopOrphan(dataDir: string): Promise<void> {
  const pidFile = path.join(dataDir, 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  const isOurs = () => processStartMark(pid) !== undefined && commandLine(pid).includes(dataDir);
  if (pid > 1 && isOurs()) {
    process.kill(pid, 'SIGINT');
    await waitFor('the orphaned postgres to end', () => !isOurs(), { withinMs: 10_000 }).catch(() =>
      process.kill(pid, 'SIGQUIT'),
    );
    await waitFor('the orphaned postgres to end', () => !isOurs());
  }
  await waitForBackends(dataDir);
  rmSync(pidFile, { force: true });
}

/** Backends of a killed postmaster see its death within moments; until then they hold the shared memory. */
async function waitForBackends(dataDir: string): Promise<void> {
  const pidFile = path.join(dataDir, 'postmaster.pid');
  // Line 7 is "key id" of the System V segment (src/include/utils/pidfile.h); its attach count is in /proc/sysvipc.
  const segment = readFileSync(pidFile, { encoding: 'utf8', flag: 'a+' })
    .split('\n')[6]
    ?.trim()
    .split(/\s+/)[1];
  if (segment === undefined || !existsSync('/proc/sysvipc/shm')) return;
  const isHeld = () =>
    readFileSync('/proc/sysvipc/shm', 'utf8')
      .split('\n')
      .some((line) => {
        const fields = line.trim().split(/\s+/);
        return fields[1] === segment && Number(fields[6]) > 0;
      });
  await waitFor('the backends of the killed postgres to end', () => !isHeld(), { withinMs: 15_000 });
}

type Connection = { host: string; port: number; user: string; password: string };

async function withClient<T>(connection: Connection, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...connection, database: 'postgres', connectionTimeoutMillis: 5_000 });
  // An error of an idle connection is the server's end; the query in flight reports it.
  client.on('error', () => {});
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

async function answers(connection: Connection): Promise<boolean> {
  try {
    return await withClient(connection, async (client) => (await client.query('select 1')).rowCount === 1);
  } catch {
    return false;
  }
}

async function createDatabase(connection: Connection, name: string): Promise<void> {
  await withClient(connection, async (client) => {
    const found = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (found.rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(name)}`);
  });
}
