#!/usr/bin/env node
// Makes a fresh clone ready and runs what was asked for: demo, start, test, bench or tidy. Plain JavaScript without a
// dependency, because it runs before anything is installed, and on any Node, to say which one is needed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const nodeFloor = [20, 19];
/** The same as packageManager in package.json; 11 needs Node 22, and 10 wants the pin to be its own. */
const packageManager = 'pnpm@10.34.9';
/** What an installation, a build and a small story need: 1.2 GB of packages, the rest for data. */
const freeBytesMin = 2 * 1024 ** 3;
const progressEveryMs = 2_000;

/** Something that cannot be had: one sentence with the way out, and no stack. */
class Refusal extends Error {}

const commands = { demo: platform, start: platform, test, bench, tidy, setup: async () => 0 };

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

async function main([command, ...args]) {
  const run = commands[command];
  if (run === undefined) {
    throw new Refusal(
      `unknown command ${command ?? '(nothing)'}; there are ${Object.keys(commands).join(', ')}`,
    );
  }
  checkNode();
  checkDisk();
  await install();
  await build();
  return run(command, args);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > nodeFloor[0] || (major === nodeFloor[0] && minor >= nodeFloor[1])) return;
  throw new Refusal(
    `Perennial needs Node ${nodeFloor.join('.')} or newer and this is ${process.versions.node}; ` +
      'install a newer one (for example 22 or 24) from nodejs.org or with your version manager',
  );
}

function checkDisk() {
  const folder = path.join(root, '.perennial');
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o711 });
    fs.accessSync(folder, fs.constants.W_OK);
  } catch (error) {
    throw new Refusal(
      `${folder} cannot be written (${error.code}); make the checkout writable for this user`,
    );
  }
  const { bavail, bsize } = fs.statfsSync(folder);
  const needed = fs.existsSync(stampFile()) ? freeBytesMin / 8 : freeBytesMin;
  if (bavail * bsize < needed) {
    const have = Math.round((bavail * bsize) / 1024 ** 2);
    throw new Refusal(`only ${have} MiB of disk are free in ${root}; free ${needed / 1024 ** 2} MiB or more`);
  }
}

/** Says which lock file and which Node and platform the installed packages belong to. */
function stampFile() {
  return path.join(root, 'node_modules', '.perennial-stamp');
}

function stamp() {
  const lock = fs.readFileSync(path.join(root, 'pnpm-lock.yaml'));
  return `${createHash('sha256').update(lock).digest('hex')} ${process.platform}-${process.arch}\n`;
}

async function install() {
  const wanted = stamp();
  if (fs.existsSync(stampFile()) && fs.readFileSync(stampFile(), 'utf8') === wanted) return;
  const command = [
    npx(),
    '-y',
    packageManager,
    'install',
    '--frozen-lockfile',
    '--config.confirmModulesPurge=false',
  ];
  const { code, output } = await quietly('installing packages', command, { CI: 'true' });
  if (code !== 0) {
    throw new Refusal(
      `${tail(output)}\nthe packages could not be installed (above: the end of what pnpm said); ` +
        'check the network and the registry that `npm config get registry` names, and run it again',
    );
  }
  fs.writeFileSync(stampFile(), wanted);
}

/** Next to this very Node, so that a machine with several uses one; else from the PATH. */
function npx() {
  const name = process.platform === 'win32' ? 'npx.cmd' : 'npx';
  const beside = path.join(path.dirname(process.execPath), name);
  return fs.existsSync(beside) ? beside : name;
}

async function build() {
  const tsc = path.join(root, 'node_modules', '.bin', 'tsc');
  const { code, output } = await quietly('building', [tsc, '-b']);
  if (code !== 0) throw new Refusal(`${head(output)}\nthe build failed (above: what tsc said)`);
}

/** In this process, so that signals, output and memory are those of one program. */
async function platform(command, args) {
  const main = path.join(root, 'infra', 'local', 'dist', 'main.js');
  process.argv = [process.execPath, main, command, ...args];
  await import(pathToFileURL(main).href);
  return process.exitCode ?? 0;
}

/** The last line is `N passed, N failed`, whatever the runner says and however it ends. */
async function test(_command, args) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'perennial-totals-'));
  const file = path.join(folder, 'totals');
  try {
    const vitest = path.join(root, 'node_modules', '.bin', 'vitest');
    const code = await loudly([vitest, 'run', ...args], { TEST_TOTALS_FILE: file });
    const totals = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : '0 passed, 1 failed';
    process.stdout.write(`${totals}\n`);
    return code === 0 && / 0 failed/.test(totals) ? 0 : code || 1;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function bench(_command, args) {
  return loudly([process.execPath, path.join(root, 'test', 'dist', 'bench', 'main.js'), ...args]);
}

function tidy(_command, args) {
  return loudly([process.execPath, path.join(root, 'scripts', 'tidy.mjs'), ...args]);
}

/** Runs a command whose output matters only when it fails; says that it goes on while it lasts. */
function quietly(what, command, extraEnvironment = {}) {
  const startedAt = Date.now();
  let isLong = false;
  const progress = setInterval(() => {
    isLong = true;
    process.stdout.write(`${what}, ${Math.round((Date.now() - startedAt) / 1000)} s ...\n`);
  }, progressEveryMs);
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], command.slice(1), { cwd: root, env: environment(extraEnvironment) });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    const done = (then) => (value) => {
      clearInterval(progress);
      then(value);
    };
    child.once(
      'error',
      done((error) => reject(cannotRun(command[0], error))),
    );
    child.once(
      'close',
      done((code) => {
        if (isLong && code === 0) process.stdout.write(`${what}: done\n`);
        resolve({ code: code ?? 1, output });
      }),
    );
  });
}

/** Runs a command with our own input and output, passes signals on, and returns its exit code. */
function loudly(command, extraEnvironment = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], command.slice(1), {
      cwd: root,
      stdio: 'inherit',
      env: environment(extraEnvironment),
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    child.once('error', (error) => reject(cannotRun(command[0], error)));
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** npm and pnpm want a home to keep their caches in; where there is none they get one in the checkout. */
function environment(extra) {
  const env = { ...process.env, ...extra };
  if (!isWritableFolder(env.HOME)) {
    env.HOME = path.join(root, '.perennial', 'home');
    // npm run tells its children the cache of the home that cannot be used.
    env.npm_config_cache = path.join(env.HOME, '.npm');
    fs.mkdirSync(env.HOME, { recursive: true, mode: 0o700 });
  }
  return env;
}

function isWritableFolder(folder) {
  try {
    fs.accessSync(folder, fs.constants.W_OK);
    return fs.statSync(folder).isDirectory();
  } catch {
    return false;
  }
}

function cannotRun(command, error) {
  return new Refusal(`cannot run ${command} (${error.code}); npm comes with Node: is it on the PATH?`);
}

/** The first errors are the cause of the others. */
function head(output) {
  return output.trim().split('\n').slice(0, 30).join('\n');
}

function tail(output) {
  return output.trim().split('\n').slice(-15).join('\n');
}
