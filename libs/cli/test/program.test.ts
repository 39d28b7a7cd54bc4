import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tempDir } from '@perennial/testkit';
import type { Command } from 'commander';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { program } from '../src/program.js';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const firstRows = fileURLToPath(new URL('../../../examples/first-system/rows.csv', import.meta.url));
const asked: { method: string | undefined; url: string | undefined; body: string }[] = [];
let url = '';
/** How often the list of systems is answered without a champion. */
let systemsAskedWithout = Number.POSITIVE_INFINITY;
let stop = () => {};

beforeAll(async () => {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    asked.push({ method: request.method, url: request.url, body });
    if (request.url?.startsWith('/v1/why')) {
      response
        .writeHead(404)
        .end(JSON.stringify({ detail: 'nothing is known of that', code: 'SUBJECT_NOT_FOUND' }));
    } else if (request.url?.startsWith('/v1/keys')) {
      const key = { key_id: '00112233445566ff', name: 'desk', expires_at: '2026-03-01T00:00:00Z' };
      response.end(JSON.stringify({ key, enforced: true, secret: 'pk_00112233445566ff_secret' }));
    } else if (request.url?.endsWith('/result')) {
      response.end('hour,prediction\n1,2\n');
    } else if (request.url?.includes('/batches')) {
      const rows = { total: 1, done: 1, failed: 0 };
      response.end(JSON.stringify({ id: 'b1', kind: 'batch', state: 'completed', rows }));
    } else if (request.url?.startsWith('/v2/') || request.url?.includes('/predict'))
      response.end(
        JSON.stringify({
          predictions: [{ prediction: 2, model_version: 1, features: { outside: null, wind: 2 } }],
        }),
      );
    else if (
      request.url === '/v1/systems' &&
      asked.filter(({ url }) => url === '/v1/systems').length > systemsAskedWithout
    )
      response.end(JSON.stringify({ systems: [{ system: 'heat', version: 1, champion: 1 }] }));
    else if (request.url?.startsWith('/v1/live/'))
      response.end(
        JSON.stringify({
          name: 'price',
          live: {
            deployment: { epoch: '1', routes: [{ role: 'ROUTE_ROLE_CHAMPION', version: 1, weight: 1 }] },
            since: '2026-03-01T00:00:00Z',
            data_time: '2012-06-30T00:00:00Z',
          },
        }),
      );
    else if (request.url === '/v1/systems/still/promote')
      response.end(JSON.stringify({ from_version: 2, to_version: 2 }));
    else
      response.end(
        JSON.stringify({ systems: [{ system: 'heat', version: 1 }], from_version: 2, to_version: 1 }),
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stop = () => server.close();
});
afterAll(() => stop());

function perennial(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { PATH: process.env['PATH'], PERENNIAL_URL: url, PERENNIAL_TOKEN: 't', USER: 'tester' };
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

function leaves(command: Command): Command[] {
  const own = command.parent && command.registeredArguments.length > 0 ? [command] : [];
  return command.commands.length === 0 ? [command] : [...own, ...command.commands.flatMap(leaves)];
}

function nameOf(command: Command): string {
  return command.parent?.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();
}

const commands = leaves(program());

test('every command of the issue is there', () => {
  const names = commands.map(nameOf);
  for (const name of [
    'apply',
    'plan',
    'systems',
    'rows publish',
    'labels publish',
    'predict',
    'models',
    'models import',
    'models serve',
    'models retire',
    'routes',
    'live',
    'keys create',
    'keys list',
    'keys rotate',
    'keys revoke',
    'model show',
    'rollback',
    'promote',
    'resume',
    'retrain',
    'cancel',
    'events',
    'quarantine list',
    'quarantine show',
    'quarantine repair',
    'shadow add',
    'shadow remove',
    'shadow compare',
    'producers add',
    'producers list',
    'why',
    'lineage',
    'status',
    'audit verify',
    'audit proof',
    'dead-letters list',
    'dead-letters requeue',
    'dead-letters discard',
    'schema show',
    'schema versions',
    'schema diff',
    'schema propose',
    'schema compat',
    'schema accept',
    'schema edit',
    'profile',
  ]) {
    expect(names).toContain(name);
  }
});

test.each(commands.map((command) => [nameOf(command), command] as const))(
  '%s explains itself and speaks JSON',
  (_name, command) => {
    const help = command.helpInformation();
    expect(help).toContain('Usage:');
    expect(help).toContain('--json');
    expect(command.description()).not.toBe('');
  },
);

test('--help of the program lists the commands', async () => {
  const { code, stdout } = await perennial('--help');
  expect(code).toBe(0);
  expect(stdout).toContain('rollback');
});

test('an answer is a table, or JSON where that is asked for', async () => {
  expect((await perennial('systems')).stdout).toMatch(/system\s+version[\s\S]*heat\s+1/);
  expect(JSON.parse((await perennial('systems', '--json')).stdout)).toMatchObject({
    systems: [{ system: 'heat' }],
  });
});

test('systems --wait answers once every system serves a champion', async () => {
  systemsAskedWithout = asked.filter(({ url }) => url === '/v1/systems').length + 2;
  const { code, stdout } = await perennial('systems', '--wait');
  systemsAskedWithout = Number.POSITIVE_INFINITY;
  expect(code).toBe(0);
  expect(stdout).toMatch(/heat\s+1\s+1/);
});

test('a prediction names the features it had to do without', async () => {
  expect((await perennial('predict', 'heat', '{"wind":2}')).stdout).toMatch(/^2 .*missing: outside\)/);
});

test('a promotion that moves nothing says so', async () => {
  expect((await perennial('promote', 'still@2')).stdout).toContain('version 2 is the champion already');
});

test('a rollback says who asks and what moved', async () => {
  const { stdout } = await perennial('rollback', 'heat', '--reason', 'cold feet');
  expect(stdout).toContain('from version 2 to 1');
  expect(asked.at(-1)).toEqual({
    method: 'POST',
    url: '/v1/systems/heat/rollback',
    body: JSON.stringify({ reason: 'cold feet', requested_by: 'tester' }),
  });
});

test('cancel ends the rollout in flight with the reason and who asks', async () => {
  expect((await perennial('cancel', 'heat', '--reason', 'stuck')).stdout).toContain('is cancelled');
  expect(asked.at(-1)).toEqual({
    method: 'DELETE',
    url: '/v1/systems/heat/rollout',
    body: JSON.stringify({ reason: 'stuck', requested_by: 'tester' }),
  });
});

test.each([
  [['promote', 'heat'], 'REFERENCE_INVALID', /name@3 or name@champion/],
  [['model', 'show', 'heat@1@2'], 'REFERENCE_INVALID', /no model reference/],
  [['shadow', 'add', '../x@1'], 'REFERENCE_INVALID', /no model reference/],
  [['predict', 'heat', '[1]'], 'ROW_MALFORMED', /JSON object/],
  [['predict', 'heat', '--file', 'rows.txt', '--out', 'x.csv'], 'FORMAT_UNKNOWN', /\.csv or \.jsonl/],
  [['predict', 'heat', '--file', firstRows], 'OUT_UNNAMED', /--out/],
  [['apply', '-f', 'absent.yaml'], 'FILE_UNREADABLE', /absent\.yaml/],
  [['rows', 'publish', 'rows.txt', '--source', 'meter'], 'FORMAT_UNKNOWN', /\.csv/],
  [
    ['rows', 'publish', firstRows, '--source', 'meter', '--from', '2024-02-10'],
    'SPAN_COLUMN_UNKNOWN',
    /no column "date" but hour, outside, wind; .*--time/,
  ],
  [['why', 'model', 'heat@champion'], 'SUBJECT_NOT_FOUND', /nothing is known/],
  [['models', 'import', 'price', 'absent.onnx'], 'FILE_UNREADABLE', /absent\.onnx/],
  [['routes', 'price', '--variant', '1'], 'ROUTES_INVALID', /2=30/],
  [['routes', 'price', '--rule', 'beta@2'], 'ROUTES_INVALID', /header:x-group=beta@2/],
  [['routes', 'price', '--alone', '--variant', '1=1'], 'ROUTES_INVALID', /excludes/],
])('%j fails with %s in one line', async (args, errorCode, words) => {
  const { code, stderr } = await perennial(...args);
  expect(code).toBe(1);
  expect(stderr).toMatch(words);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  const asJson = await perennial(...args, '--json');
  expect(JSON.parse(asJson.stderr)).toMatchObject({ error: { code: errorCode } });
});

test('a file of rows comes back whole, where it was asked to', async () => {
  const out = join(tempDir('cli'), 'predictions.csv');
  const { code, stdout } = await perennial('predict', 'heat', '--file', firstRows, '--out', out);
  expect([code, stdout.trim()]).toEqual([0, `batch b1: 1 of 1 rows; they are in ${out}`]);
  expect(readFileSync(out, 'utf8')).toBe('hour,prediction\n1,2\n');
  expect(existsSync(`${out}.partial`)).toBe(false);
});

test('a command that does not exist is answered with the nearest one', async () => {
  const { code, stderr } = await perennial('rolback', 'heat');
  expect(code).toBe(1);
  expect(stderr).toContain('rollback');
});

test('a file is streamed with its format and its producer', async () => {
  const file = join(tempDir('cli'), 'rows.csv');
  writeFileSync(file, 'hour,outside\n2024-01-01,3\n');
  await perennial('rows', 'publish', file, '--source', 'meter', '--producer', 'desk');
  expect(asked.at(-1)).toEqual({
    method: 'POST',
    url: '/v1/sources/meter/rows?producer=desk&format=csv&way=files',
    body: 'hour,outside\n2024-01-01,3\n',
  });
});

test('a pattern publishes every file that it means once, in their order, and what fails does not hold back the others', async () => {
  const dir = tempDir('cli');
  for (const name of ['b.csv', 'a.csv', 'c.txt']) writeFileSync(join(dir, name), `hour\n${name}\n`);
  const before = asked.length;
  const answer = await perennial('rows', 'publish', join(dir, '*'), join(dir, 'a.csv'), '--source', 'meter');
  expect(asked.slice(before).map(({ body }) => body)).toEqual(['hour\na.csv\n', 'hour\nb.csv\n']);
  expect(answer.code).toBe(1);
  expect(answer.stdout).toContain('c.txt: failed: ');
  expect(answer.stdout).toContain('3 files: ');
  const none = await perennial('rows', 'publish', join(dir, '*.parquet'), '--source', 'meter');
  expect(none.stderr).toContain('no file matches (FILE_UNREADABLE)');
});

test('a model file is streamed as it is, and routes are sent as they were said', async () => {
  const file = join(tempDir('cli'), 'model.onnx');
  writeFileSync(file, 'the bytes');
  const imported = await perennial('models', 'import', 'price', file, '--no-promote');
  expect(imported.code).toBe(0);
  expect(asked.at(-1)).toEqual({
    method: 'POST',
    url: '/v1/models/price/versions?promote=false',
    body: 'the bytes',
  });
  await perennial('routes', 'price', '--variant', '1=70', '2=30', '--rule', 'header:x-group=a=b@2');
  expect(asked.at(-1)).toMatchObject({ method: 'PUT', url: '/v1/models/price/routes' });
  expect(JSON.parse(asked.at(-1)?.body ?? '')).toEqual({
    variants: [
      { version: 1, weight: 70 },
      { version: 2, weight: 30 },
    ],
    shadows: [],
    rules: [{ header: 'x-group', equals: 'a=b', version: 2 }],
    requested_by: 'tester',
  });
});

test('what was live is asked for by either clock, and told with when it began and ended', async () => {
  const { stdout } = await perennial('live', 'price', '--data-time', '2012-07-01');
  expect(asked.at(-1)?.url).toBe('/v1/live/price?data-time=2012-07-01');
  expect(stdout).toMatch(/^price served version 1 as champion at 100 %\nepoch 1, since 2026-03-01/);
  expect(stdout).toContain('rows had reached 2012-06-30');
  expect(stdout).toContain('and is live still');
});

test('a key is made with its scope and limits, and its secret is the first line', async () => {
  const options = ['--role', 'client', '--system', 'heat', '--source', 'meter', '--rows-per-day', '1000'];
  const { code, stdout } = await perennial('keys', 'create', 'desk', ...options);
  expect([code, stdout.split('\n')[0]]).toEqual([0, 'pk_00112233445566ff_secret']);
  expect(JSON.parse(asked.at(-1)?.body ?? '')).toEqual({
    name: 'desk',
    role: 'client',
    scope: { systems: ['heat'], sources: ['meter'] },
    limits: { rows_per_day: 1_000 },
  });
  await perennial('keys', 'rotate', '00112233445566ff', '--grace', '0s');
  expect(asked.at(-1)).toMatchObject({
    url: '/v1/keys/00112233445566ff/rotate',
    body: JSON.stringify({ grace_seconds: 0 }),
  });
});

test('garbage is kept for as long as was asked for, not at all with 0s, and as ingest is set without it', async () => {
  const sent = async (...options: string[]) => {
    await perennial('gc', '--dry-run', '--json', ...options);
    return JSON.parse(asked.at(-1)?.body ?? '');
  };
  expect(await sent('--grace', '0s')).toEqual({ dry_run: true, grace_seconds: 0 });
  expect(await sent('--grace', '1h')).toEqual({ dry_run: true, grace_seconds: 3_600 });
  expect(await sent()).toEqual({ dry_run: true });
});

test('a reader that has enough, as head has, ends a command without a word', async () => {
  const env = { ...process.env, PERENNIAL_URL: url, PERENNIAL_TOKEN: 'x' };
  const child = spawn(process.execPath, [main, 'live', 'heat'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const [code] = await once(child, 'close');
  expect([code, said]).toEqual([0, '']);
});
