import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { makeWorkFolder } from '../src/mod.js';

test('what a killed process left is removed by the next, and what a living one has stays', async () => {
  const { pid: dead } = spawnSync(process.execPath, ['--version']);
  const name = `test-${process.pid}`;
  const left = path.join(tmpdir(), `perennial-${name}-${dead}-abcdef`);
  mkdirSync(left);
  writeFileSync(path.join(left, 'upload'), 'gigabytes');
  const first = await makeWorkFolder(name);
  expect(existsSync(left)).toBe(false);
  const second = await makeWorkFolder(name);
  expect(existsSync(first.path)).toBe(true);
  await Promise.all([first.remove(), second.remove()]);
  expect(existsSync(first.path) || existsSync(second.path)).toBe(false);
});
