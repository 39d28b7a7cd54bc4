import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Platform, rootDir, startPlatform } from '@perennial/local';
import { tempDir } from '@perennial/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tried } from './person.js';

let platform: Platform | undefined;
const dataDir = path.join(tempDir('readme'), 'data');

/** The platform that runs now. */
function running(): Platform {
  if (!platform) throw new Error('the platform is not running');
  return platform;
}

beforeAll(async () => {
  platform = await startPlatform({ dataDir });
});

afterAll(async () => {
  await platform?.stop();
});

const shell = (line: string) => tried(running(), line);

/** The commands of the first fenced block under a heading, without what is said about them. */
function commandsUnder(heading: string): string[] {
  const text = readFileSync(path.join(rootDir, 'README.md'), 'utf8');
  const section = text.slice(text.indexOf(`## ${heading}`));
  const block = /```sh\n([\s\S]*?)```/.exec(section)?.[1] ?? '';
  return block.split('\n').flatMap((line) => line.replace(/\s+# .*$/, '').trim() || []);
}

describe('the first system of your own, as the README says', () => {
  const commands = commandsUnder('Your first system in five minutes');

  test('the README has the commands', () => {
    expect(commands.length).toBeGreaterThanOrEqual(6);
    expect(commands.every((command) => command.startsWith('./perennial '))).toBe(true);
  });

  test('each command does what it says, in order and without a pause', async () => {
    const outputs: Record<string, string> = {};
    for (const command of commands) {
      const { code, output } = await shell(command);
      expect(`${code}: ${output}`, command).toMatch(/^0: /);
      outputs[command.split(' ')[1] as string] = output;
    }
    expect(outputs['apply']).toContain('heat-demand is now at version 1');
    expect(outputs['predict']).toMatch(/\d/);
    expect(outputs['why']).toContain('promoted');
    expect(outputs['audit']).toMatch(/verif/);
  });

  test('what is wrong is said in one sentence that names it', async () => {
    const unknown = await shell('./perennial predict no-such-system \'{"hour":"2024-03-01T06:00:00Z"}\'');
    expect(unknown.code).toBe(1);
    expect(unknown.output).toContain('no-such-system');
    const misspelt = await shell('./perennial quarantne');
    expect(misspelt.code).not.toBe(0);
    expect(misspelt.output).toContain('quarantine');
    const noFile = await shell('./perennial apply -f no-such-file.yaml');
    expect(noFile.code).toBe(1);
    expect(noFile.output).toContain('no-such-file.yaml');
  });
});

test('the platform says what it takes: memory and time to be ready', () => {
  const { readyAfterMs, names } = running();
  const mib = Math.round((running().pssBytes() ?? 0) / 2 ** 20);
  process.stdout.write(
    `platform: ready after ${(readyAfterMs / 1000).toFixed(1)} s, ${names.length} processes, ${mib} MiB PSS\n`,
  );
  expect(names).toEqual(expect.arrayContaining(['nats', 'postgres', 'gateway', 'audit']));
});

test('stopped and started again it carries on where it was', async () => {
  await running().stop();
  platform = undefined;
  platform = await startPlatform({ dataDir });
  const row = '{"hour":"2024-03-01T06:00:00Z","outside":-3.5,"wind":2}';
  const answer = await shell(`./perennial predict heat-demand '${row}' --json`);
  expect(answer.code, answer.output).toBe(0);
  expect(JSON.parse(answer.output)).toMatchObject({ predictions: [{ model_version: 1 }] });
  const audit = await shell('./perennial audit verify --json');
  expect(JSON.parse(audit.output)).toMatchObject({ verified: true });
  const again = await shell('./perennial rows publish examples/first-system/rows.csv --source meter --json');
  expect(JSON.parse(again.output)).toMatchObject({ taken: 0, refused: 0 });
});
