import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePort, tempDir, waitFor } from '@perennial/testkit';
import pg from 'pg';
import { expect, test } from 'vitest';
import { launch, type RunningProcess, untilReady } from '../src/launch.js';
import { type PostgresProgram, postgresProgram } from '../src/servers/postgres.js';
import type { PostgresUser } from '../src/servers/postgres-user.js';

const isRoot = process.getuid?.() === 0;
const hasNamespaces = (() => {
  try {
    execFileSync('unshare', ['--user', '--map-user=1', '--map-group=1', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

async function place(way?: PostgresUser['way']) {
  const dir = tempDir('postgres');
  const program = await postgresProgram({
    dir: path.join(dir, 'server'),
    passwordFile: path.join(dir, 'password'),
    port: await freePort(),
    ...(way === undefined ? {} : { way }),
  });
  return { program, logFile: path.join(dir, 'log'), dir };
}

async function start(program: PostgresProgram, logFile: string): Promise<RunningProcess> {
  const started = await launch(program, logFile);
  await untilReady(program, started, logFile, 30_000);
  return started;
}

async function query(program: PostgresProgram, sql: string): Promise<unknown[]> {
  const url = new URL(program.url);
  url.password = program.password;
  const client = new pg.Client({ connectionString: url.href });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test('what was committed is there after kill -9 and a start at once', async () => {
  const { program, logFile } = await place();
  const first = await start(program, logFile);
  await program.createDatabase();
  await query(program, 'create table kept as select 42 as answer');
  first.kill('SIGKILL');
  await first.exited;
  const second = await start(program, logFile);
  await program.createDatabase();
  expect(await query(program, 'select answer from kept')).toEqual([{ answer: 42 }]);
  await second.stop();
});

test('a server that outlived its supervisor is ended by the next start', async () => {
  const { program, logFile } = await place();
  const first = await start(program, logFile);
  const second = await start(program, logFile);
  expect(first.isAlive()).toBe(false);
  expect(await program.isReady(second.pid)).toBe(true);
  await second.stop();
});

test('a pid file that names a stranger hinders nobody, and the stranger lives on', async () => {
  const { program, logFile, dir } = await place();
  await (await start(program, logFile)).stop();
  const stranger = spawn('sleep', ['60']);
  writeFileSync(path.join(dir, 'server', 'data', 'postmaster.pid'), `${stranger.pid}\n`);
  const started = await start(program, logFile);
  expect(stranger.exitCode).toBeNull();
  stranger.kill();
  await started.stop();
});

test('nobody enters without the password, and no socket lies in /tmp', async () => {
  const { program, logFile } = await place();
  const started = await start(program, logFile);
  await program.createDatabase();
  const url = new URL(program.url);
  url.password = 'guess';
  const client = new pg.Client({ connectionString: url.href });
  await expect(client.connect()).rejects.toThrow(/password authentication failed/);
  expect(existsSync(`/tmp/.s.PGSQL.${new URL(program.url).port}`)).toBe(false);
  expect(statSync(program.passwordFile).mode & 0o777).toBe(0o600);
  await started.stop();
});

test.runIf(isRoot && hasNamespaces)('root runs it in a user namespace; the files stay root’s', async () => {
  const { program, logFile, dir } = await place('namespace');
  const started = await start(program, logFile);
  expect(statSync(path.join(dir, 'server', 'data')).uid).toBe(0);
  await started.stop();
  await waitFor('the pid file to go', () => !existsSync(path.join(dir, 'server', 'data', 'postmaster.pid')));
});

test.runIf(isRoot)('root without namespaces runs it as nobody, from reachable places', async () => {
  const { program, logFile } = await place('nobody');
  try {
    const started = await start(program, logFile);
    await program.createDatabase();
    const status = readFileSync(`/proc/${started.pid}/status`, 'utf8');
    expect(/^Uid:\s+(\d+)/m.exec(status)?.[1]).toBe('65534');
    expect(await query(program, 'select 1 as one')).toEqual([{ one: 1 }]);
    await started.stop();
  } finally {
    // The test folders are closed to others, so the data went to /var/lib.
    if (program.cwd?.startsWith('/var/lib/perennial/')) rmSync(program.cwd, { recursive: true });
  }
});
