import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Platform, startPlatform } from '@perennial/local';
import { tempDir } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tried as triedOn, typed as typedTo } from './person.js';

let platform: Platform;
const folder = tempDir('data-commands');
const schemaFile = path.join(folder, 'meter.schema.yaml');

beforeAll(async () => {
  platform = await startPlatform({ dataDir: path.join(folder, 'data') });
  for (const line of [
    'apply -f examples/first-system/system.yaml',
    'rows publish examples/first-system/rows.csv --source meter',
    'labels publish examples/first-system/labels.csv --source meter',
    'systems --wait',
  ]) {
    await typed(line);
  }
});
afterAll(() => platform?.stop());

const typed = (line: string) => typedTo(platform, `./perennial ${line}`);
const tried = (line: string) => triedOn(platform, `./perennial ${line}`);

test('rows are profiled, and their schema is shown, planned, applied and compared', async () => {
  const profile = await typed('profile meter');
  expect(profile).not.toContain('_p_');
  expect(profile).toMatch(/outside\s+number/);
  writeFileSync(schemaFile, await typed('schema show meter'));
  expect(await typed(`plan ${schemaFile}`)).toContain('nothing changes');
  const edited = readFileSync(schemaFile, 'utf8').replace(
    /^rules:.*$|$(?![\s\S])/m,
    'rules: [{name: not-so-exact, expr: "wind <> 4.75", severity: quarantine}]\n',
  );
  writeFileSync(schemaFile, edited);
  expect(await typed(`plan ${schemaFile}`)).toContain('rules.not-so-exact');
  expect(await typed(`apply ${schemaFile}`)).toMatch(/version \d+ of meter is in force/);
  expect(await typed(`apply -f ${schemaFile}`)).toContain('nothing changes');
  const versions = JSON.parse(await typed('schema versions meter --json')) as {
    versions: { version: number }[];
  };
  const before = (versions.versions[0]?.version ?? 0) - 1;
  expect(await typed(`schema diff meter v${before}`)).toContain('rules.not-so-exact');
  expect((await tried('plan /dev/null')).code).toBe(1);
});

test('a row that breaks a written rule is held, seen as odd, and comes back when somebody says so', async () => {
  const rows = path.join(folder, 'odd.csv');
  writeFileSync(rows, 'hour,outside,wind\n2024-03-01T00:00:00Z,1.5,4.75\n');
  await typed(`rows publish ${rows} --source meter`);
  await expect.poll(() => typed('quarantine list'), { timeout: 60_000 }).toContain('meter');
  const { entries } = JSON.parse(await typed('quarantine list --json')) as {
    entries: { quarantine_id: string }[];
  };
  const id = entries[0]?.quarantine_id ?? '';
  expect(await typed(`quarantine show ${id}`)).toContain('not-so-exact');
  expect(await typed('anomalies meter')).toContain('expected is wind <> 4.75');
  await typed(`quarantine release ${id} --reason "the meter was moved"`);
  await expect.poll(() => typed('quarantine list'), { timeout: 60_000 }).not.toContain(id);
});

test('datasets, training sets, leaks and features are shown', async () => {
  await expect.poll(() => typed('dataset list'), { timeout: 60_000 }).toContain('meter');
  expect(await typed('dataset show meter@v1')).toContain('rows');
  await typed(`dataset export meter@v1 -o ${path.join(folder, 'meter.parquet')}`);
  const sets = JSON.parse(await typed('training-set list heat-demand --json')) as Record<string, unknown>;
  const [set] = Object.values(sets).find(Array.isArray) as Record<string, string>[];
  const id = set?.['dataset_id'] ?? set?.['id'] ?? '';
  expect(await typed(`training-set show ${id} --reproduce`)).toMatch(/same|equal/);
  expect(await typed('leaks heat-demand --check')).not.toContain('undefined');
  expect(await typed('gc --dry-run')).toMatch(/bytes|KiB|MiB|nothing/);
  expect((await tried('training-set show no-such-set')).output).toContain('no-such-set');
});
