import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { unavailable } from '@perennial/kernel';
import { cacheDir } from '../paths.js';

const run = promisify(execFile);

/** Debian 12's; what we ask of JetStream is tested on it. */
const oldestVersion = [2, 9, 10] as const;
/** A package index of 19 MB and a package of 4 MB over a slow line. */
const fetchTimeoutMs = 180_000;

/**
 * The path of a nats-server of 2.9.10 or newer: NATS_SERVER_BIN, PATH, /usr/sbin, the cache, or fetched from the
 * distribution's packages into the cache, without installing it and without root.
 *
 * @throws PlatformError NATS_SERVER_MISSING, one sentence with the way out
 */
export async function findNatsServer(
  report: (line: string) => void,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const named = env['NATS_SERVER_BIN'];
  if (named) {
    if (await isUsable(named)) return named;
    throw missing(
      `NATS_SERVER_BIN is ${named}, which is no nats-server of 2.9.10 or newer; correct or unset it`,
    );
  }
  const folders = [...(env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin'];
  const cached = path.join(cacheDir(env), 'nats-server');
  for (const candidate of [...folders.map((folder) => path.join(folder, 'nats-server')), cached]) {
    if (existsSync(candidate) && (await isUsable(candidate))) return candidate;
  }
  if (existsSync('/usr/bin/apt-get') && existsSync('/usr/bin/dpkg-deb')) {
    report("fetching nats-server from the distribution's packages (once, about 4 MB) ...");
    const problem = await fetchFromDebian(cached);
    if (problem === undefined) return cached;
    throw missing(`nats-server could not be fetched (${problem}); ${wayOut}`);
  }
  throw missing(`nats-server was not found; ${wayOut}`);
}

const wayOut =
  'install it (apt-get install nats-server, brew install nats-server), or set NATS_SERVER_BIN to its path ' +
  'or NATS_URL to a running server';

function missing(message: string) {
  return unavailable('NATS_SERVER_MISSING', message);
}

async function isUsable(file: string): Promise<boolean> {
  const version = await natsServerVersion(file);
  if (version === undefined) return false;
  for (const [index, floor] of oldestVersion.entries()) {
    const part = version[index] ?? 0;
    if (part !== floor) return part > floor;
  }
  return true;
}

/** Major, minor and patch of a nats-server, or undefined when the file is none. */
export async function natsServerVersion(file: string): Promise<number[] | undefined> {
  try {
    const { stdout } = await run(file, ['--version'], { timeout: 10_000 });
    const match = /nats-server: v?(\d+)\.(\d+)\.(\d+)/.exec(stdout);
    return match?.slice(1).map(Number);
  } catch {
    return undefined;
  }
}

/** Puts the packaged binary at `target`; returns what went wrong, if anything. */
async function fetchFromDebian(target: string): Promise<string | undefined> {
  const work = await mkdtemp(`${target}.fetch-`);
  try {
    if ((await download(work, [])) !== undefined) {
      const problem = await downloadWithOwnLists(work);
      if (problem !== undefined) return problem;
    }
    const packageFile = (await readdir(work)).find((name) => name.endsWith('.deb'));
    if (packageFile === undefined) return 'apt-get brought no package';
    await run('dpkg-deb', ['-x', path.join(work, packageFile), path.join(work, 'unpacked')]);
    // A rename is whole or not at all, so that two processes may fetch at the same time.
    await rename(path.join(work, 'unpacked', 'usr', 'sbin', 'nats-server'), target);
    return (await isUsable(target)) ? undefined : 'the packaged version is older than 2.9.10';
  } catch (error) {
    return firstLine(error);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function download(work: string, options: string[]): Promise<string | undefined> {
  try {
    // Without the sandbox user, who may not enter the cache of root; the package's signature is checked all the same.
    const sandbox = ['-o', 'APT::Sandbox::User='];
    await run('apt-get', [...sandbox, ...options, 'download', 'nats-server'], {
      cwd: work,
      timeout: fetchTimeoutMs,
    });
    return undefined;
  } catch (error) {
    return firstLine(error);
  }
}

/** With package lists of our own: a fresh container has none, and an ordinary user may not update the system's. */
async function downloadWithOwnLists(work: string): Promise<string | undefined> {
  const state = path.join(work, 'state');
  const cache = path.join(work, 'cache');
  await mkdir(path.join(state, 'lists', 'partial'), { recursive: true });
  await mkdir(path.join(cache, 'archives', 'partial'), { recursive: true });
  const options = [
    ...['-o', `Dir::State=${state}`],
    ...['-o', `Dir::Cache=${cache}`],
    ...['-o', 'Dir::State::status=/var/lib/dpkg/status'],
  ];
  try {
    await run('apt-get', ['-o', 'APT::Sandbox::User=', ...options, 'update'], { timeout: fetchTimeoutMs });
  } catch (error) {
    return firstLine(error);
  }
  return download(work, options);
}

/** apt marks its errors with `E:`; the rest is progress. */
function firstLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message?: string };
  const lines = (stderr || message || String(error)).split('\n');
  return (lines.find((line) => line.startsWith('E:')) ?? lines[0] ?? '').trim();
}
