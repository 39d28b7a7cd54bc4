import { readFileSync } from 'node:fs';
import path from 'node:path';
import { tempDir, waitFor } from '@perennial/testkit';
import { expect, test } from 'vitest';
import { launch } from '../src/launch.js';
import { processStartMark } from '../src/process-identity.js';
import type { Program } from '../src/program.js';

const spawnsAnother = `
  const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  console.log('child ' + child.pid);
  setInterval(() => {}, 1000);`;

test('what a killed program had started goes with it at once, not when it is stopped', async () => {
  const logFile = path.join(tempDir('launch'), 'parent.log');
  const program: Program = {
    name: 'parent',
    command: process.execPath,
    args: ['-e', spawnsAnother],
    env: { PATH: process.env['PATH'] },
    stopSignal: 'SIGTERM',
    stopWithinMs: 1_000,
    isReady: async () => true,
  };
  const parent = await launch(program, logFile);
  const child = Number(
    await waitFor('the child', () => /child (\d+)/.exec(readFileSync(logFile, 'utf8'))?.[1] ?? false),
  );
  expect(processStartMark(child)).toBeDefined();
  parent.kill('SIGKILL');
  expect(await parent.exited).toEqual({ code: null, signal: 'SIGKILL' });
  await waitFor('the child to be gone', () => processStartMark(child) === undefined);
  await parent.stop();
});
