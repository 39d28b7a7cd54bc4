import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { tempDir, waitFor } from '@perennial/testkit';
import { expect, test } from 'vitest';
import { endOrphans } from '../src/pids-file.js';
import { processStartMark } from '../src/process-identity.js';
import { startPlatform } from '../src/supervisor.js';

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

test('after kill -9 of the supervisor nothing of it runs beside the next start, which has its data', async () => {
  const dataDir = path.join(tempDir('orphans'), 'data');
  const entry = fixture('service.mjs');
  const supervisor = spawn(process.execPath, [fixture('supervisor.mjs'), dataDir, entry], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pids = await new Promise<number[]>((resolve) => {
    createInterface({ input: supervisor.stdout }).once('line', (line) =>
      resolve(JSON.parse(line) as number[]),
    );
  });
  expect(pids).toHaveLength(3);
  // A kill is a request: the process is there until its end has been seen.
  const ended = new Promise((resolve) => supervisor.once('exit', resolve));
  supervisor.kill('SIGKILL');
  await ended;
  const platform = await startPlatform({ dataDir, services: [{ name: 'ingest', entry }] });
  expect(pids.filter((pid) => processStartMark(pid) !== undefined)).toEqual([]);
  await platform.stop();
});

test('children that the kernel did not end are ended by the next start, strangers with their pids are not', async () => {
  const orphan = spawn('sleep', ['60'], { detached: true });
  const stranger = spawn('sleep', ['60'], { detached: true });
  const stubborn = spawn('sh', ['-c', "trap '' INT; echo up; while true; do sleep 60; done"], {
    detached: true,
  });
  await new Promise((resolve) => stubborn.stdout.once('data', resolve));
  const file = path.join(tempDir('orphans'), 'pids.json');
  const entry = (name: string, pid: number) => ({ name, pid, mark: processStartMark(pid) });
  const content = {
    supervisor: { name: 'supervisor', pid: process.pid, mark: 'an earlier life' },
    children: [
      entry('orphan', orphan.pid as number),
      entry('stubborn', stubborn.pid as number),
      { ...entry('stranger', stranger.pid as number), mark: 'an earlier life' },
    ],
  };
  writeFileSync(file, JSON.stringify(content));
  await endOrphans(file, () => {});
  await waitFor('the orphans to be reaped', () => orphan.signalCode !== null && stubborn.signalCode !== null);
  expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
  expect(existsSync(file)).toBe(false);
  stranger.kill();
});
