import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { waitFor } from '@perennial/kernel';
import { freePort, rootDir } from '@perennial/local';
import { requestBytes } from './bodies.js';
import { HttpLane } from './load/http-lane.js';
import type { BenchOptions } from './options.js';
import { ask, type Stage, sumOf } from './rounds.js';
import { median } from './summary.js';

/** What people serve models with in Python; only the first is measured here, where it is installed. */
const servers = ['fastapi', 'mlserver', 'bentoml', 'mlflow'] as const;

export interface PythonRow {
  readonly name: (typeof servers)[number];
  /** Why it was not measured; the figures are NaN then. */
  readonly reason: string;
  readonly perSecond: number;
  readonly cpuUs: number;
}

/** Another interpreter than python3, for example of a virtual environment that has these packages. */
const python = process.env['PERENNIAL_BENCH_PYTHON'] ?? 'python3';
const connections = 16;

export async function pythonServers(stage: Stage, options: BenchOptions): Promise<PythonRow[]> {
  const rows: PythonRow[] = [];
  for (const name of servers) {
    const reason = absence(name);
    rows.push(
      reason === '' && name === 'fastapi'
        ? await fastapi(stage, options)
        : { name, reason: reason || 'there is no slot for it', perSecond: Number.NaN, cpuUs: Number.NaN },
    );
  }
  return rows;
}

function absence(name: string): string {
  const modules = name === 'fastapi' ? 'fastapi, uvicorn, uvloop, httptools, numpy' : name;
  const found = spawnSync(python, ['-c', `import ${modules}`], { timeout: 60_000 });
  if (found.error) return `${python} is not installed here`;
  return found.status === 0 ? '' : 'the package is not installed here';
}

/** One uvicorn process with uvloop and httptools, without its access log: as fast as it goes. */
async function fastapi({ load, perennial }: Stage, { rounds, slotMs }: BenchOptions): Promise<PythonRow> {
  const port = await freePort();
  const folder = path.join(rootDir, 'test', 'bench', 'serving', 'servers');
  const server = spawn(
    python,
    ['-m', 'uvicorn', '--app-dir', folder, '--port', String(port), '--no-access-log', 'fastapi_app:app'],
    { stdio: 'ignore' },
  );
  try {
    const asked = { protocol: 'http json', model: 'linear', rows: 1, token: perennial.token } as const;
    const request = requestBytes(asked);
    await waitFor('FastAPI to answer', () => isUp(port, request), { withinMs: 60_000, everyMs: 200 });
    const order = {
      protocol: asked.protocol,
      port,
      token: perennial.token,
      connections,
      request: request.toString('base64'),
      warmMs: slotMs / 3,
      measureMs: slotMs,
      pids: [server.pid as number],
    };
    const outcomes = [];
    for (let round = 0; round < rounds; round++) outcomes.push(await ask(load, order));
    return {
      name: 'fastapi',
      reason: '',
      perSecond: median(outcomes.map(({ good, seconds }) => good / seconds)),
      cpuUs: median(outcomes.map(({ cpu, good }) => sumOf(cpu) / good)),
    };
  } finally {
    await ended(server);
  }
}

async function isUp(port: number, request: Buffer): Promise<boolean> {
  try {
    const lane = await HttpLane.open(port, request);
    const status = await new Promise<number>((resolve) => lane.send(resolve));
    lane.close();
    return status === 200;
  } catch {
    return false;
  }
}

async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return;
  const exit = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGTERM');
  await exit;
}
