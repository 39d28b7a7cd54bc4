import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { OperationsService } from '@perennial/contracts';
import { waitFor } from '@perennial/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { createClient } from '../src/mod.js';

const fixture = fileURLToPath(new URL('fixtures/echo-process.mjs', import.meta.url));
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function start(settings: Record<string, string>) {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('PERENNIAL_')),
  );
  const child = spawn(process.execPath, [fixture], { env: { ...env, ...settings } });
  children.push(child);
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk) => {
    said.out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said.err += chunk;
  });
  const lines = () =>
    said.out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  const line = (message: string) =>
    waitFor(`"${message}" of ${said.err}`, () => lines().find((one) => one.message === message));
  return { child, said, line, exit: once(child, 'exit').then(([code]) => code as number) };
}

describe('a service process', () => {
  test('that is told a setting it does not have, ends with one sentence that names it', async () => {
    const { said, exit } = start({ PERENNIAL_SLOW: '1' });
    expect(await exit).toBe(2);
    expect(said.err).toMatch(
      /^echo cannot start: PERENNIAL_SLOW: no setting of this service; .*PERENNIAL_SLOW_MS.*\n$/,
    );
  });

  test('that is told to stop answers the call in hand first, and SIGINT is not for it', async () => {
    const { child, line, exit } = start({ PERENNIAL_SLOW_MS: '500' });
    const client = createClient(OperationsService, (await line('ready')).grpc);
    const answer = client.getProgress({});
    await line('in hand');
    child.kill('SIGINT');
    child.kill('SIGTERM');
    expect((await answer).work).toMatchObject([{ kind: 'OperationsService', count: 1 }]);
    client.close();
    expect(await exit).toBe(0);
    await line('stopped');
  });

  test('in which something unexpected is thrown, logs it and ends with 1', async () => {
    const { line, exit } = start({ PERENNIAL_EXPLODE: 'true' });
    expect(await exit).toBe(1);
    expect((await line('uncaught exception')).error).toMatchObject({ text: 'boom' });
  });
});
