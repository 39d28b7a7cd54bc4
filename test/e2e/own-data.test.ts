import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Platform, rootDir, startPlatform } from '@perennial/local';
import { tempDir } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { typed } from './person.js';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform({ dataDir: path.join(tempDir('own-data'), 'data') });
});
afterAll(() => platform?.stop());

test('every command of docs/rows.md does what the page says, in order', async () => {
  const page = readFileSync(path.join(rootDir, 'docs/rows.md'), 'utf8');
  const lines = (/```sh\n([\s\S]*?)```/.exec(page)?.[1] ?? '').split('\n').filter((line) => line !== '');
  const outputs: string[] = [];
  for (const line of lines) {
    outputs.push(await typed(platform, line));
  }
  expect(outputs[0]).toContain('the source loads is declared');
  expect(outputs[2]).toContain('2 rows taken, 0 duplicates, 0 refused');
  expect(outputs[3]).toContain('0 rows taken, 2 duplicates, 0 refused');
  for (const at of [4, 5]) expect(outputs[at]).toContain('"taken":1,');
  expect(outputs[6]).toContain('4 rows in');
  expect(outputs[6]).toMatch(/Europe\/Berlin[\s\S]*quarantine/);
  expect(outputs[7]).toMatch(/loads\s+files\s+files\s+2/);
  expect(outputs[8]).toMatch(/loads\s+rows\s+files\s+files\s+2\s+2\s+2/);
  const yaml = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  const plan = `printf '%s' '${yaml}' > /tmp/loads.yaml; ./perennial plan /tmp/loads.yaml`;
  expect(await typed(platform, plan)).toContain('nothing would change');
  await typed(platform, './perennial keys create meter-1 --role client --source loads');
});
