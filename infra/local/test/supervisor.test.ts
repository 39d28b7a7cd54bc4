import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { tempDir, waitFor } from '@perennial/testkit';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { processStartMark } from '../src/process-identity.js';
import { type Platform, startPlatform } from '../src/supervisor.js';

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const services = [
  { name: 'ingest', entry: fixture('service.mjs') },
  { name: 'gateway', entry: fixture('service.mjs') },
];
const dataDir = path.join(tempDir('platform'), 'data');
const heard: string[] = [];
let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform({
    dataDir,
    services,
    env: { EXTRA_SETTING: 'given' },
    report: (line) => heard.push(line),
  });
});

afterAll(() => platform?.stop());

async function environmentOf(service: string): Promise<Record<string, string>> {
  const ports = JSON.parse(readFileSync(path.join(dataDir, 'ports.json'), 'utf8')) as Record<string, number>;
  const response = await fetch(`http://127.0.0.1:${ports[`${service}.ops`]}/environment`);
  return (await response.json()) as Record<string, string>;
}

async function query(sql: string): Promise<unknown[]> {
  const environment = await environmentOf('ingest');
  const url = new URL(environment['DATABASE_URL'] as string);
  expect(url.password).toBe('');
  url.password = readFileSync(environment['DATABASE_PASSWORD_FILE'] as string, 'utf8').trim();
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  const { rows } = await client.query(sql);
  await client.end();
  return rows;
}

test('each service is told what it needs and no more', async () => {
  const ingest = await environmentOf('ingest');
  const gateway = await environmentOf('gateway');
  expect(ingest['NATS_URL']).toBe(platform.urls.nats);
  expect(ingest['PERENNIAL_PEERS']?.split(',').map((peer) => peer.split('=')[0])).toEqual([
    'ingest',
    'gateway',
  ]);
  expect(ingest['PERENNIAL_PEERS']).toContain(`ingest=${ingest['PERENNIAL_GRPC_LISTEN']}`);
  expect(ingest['EXTRA_SETTING']).toBe('given');
  expect(ingest['PERENNIAL_HTTP_LISTEN']).toBeUndefined();
  expect(gateway['PERENNIAL_PRODUCER_SIGNING_SEED_FILE']).toBeUndefined();
  expect(`http://${gateway['PERENNIAL_HTTP_LISTEN']}`).toBe(platform.urls.http);
  expect(gateway['PERENNIAL_PUBLIC_GRPC_LISTEN']).toBe(platform.urls.grpc);
  expect(readFileSync(gateway['PERENNIAL_TOKENS_FILE'] as string, 'utf8')).not.toContain(platform.token);
});

test('secrets and the client file are readable by their owner alone', async () => {
  const client = JSON.parse(readFileSync(platform.clientFile, 'utf8')) as Record<string, string>;
  expect(client).toEqual({
    url: platform.urls.http,
    grpcUrl: platform.urls.grpc,
    natsUrl: platform.urls.nats,
    token: platform.token,
    dataDir,
  });
  const { DATABASE_PASSWORD_FILE, NATS_CREDS_FILE } = await environmentOf('ingest');
  for (const file of [platform.clientFile, DATABASE_PASSWORD_FILE, NATS_CREDS_FILE]) {
    expect(statSync(file as string).mode & 0o777).toBe(0o600);
  }
});

test('whoever is killed is started again under the same address, with its data', async () => {
  await query('create table kept (id int)');
  for (const name of platform.names) {
    const before = platform.pid(name);
    expect(platform.kill(name)).toBe(true);
    await waitFor(`${name} to be started again`, () => {
      const pid = platform.pid(name);
      return pid !== undefined && pid !== before;
    });
    await platform.untilReady();
    expect(platform.restarts(name)).toBe(1);
  }
  expect(await query("select to_regclass('kept')::text as name")).toEqual([{ name: 'kept' }]);
  expect(heard.filter((line) => line.includes('SIGKILL'))).toHaveLength(platform.names.length);
});

test('a second platform on the same data is refused while the first runs', async () => {
  const second = [fixture('supervisor.mjs'), dataDir, fixture('service.mjs')];
  const start = () => execFileSync(process.execPath, second, { stdio: 'pipe' });
  expect(start).toThrow(/already runs on this data folder/);
});

test('stop leaves no process, and a new start keeps ports, token and data', async () => {
  const pids = platform.names.map((name) => platform.pid(name) as number);
  const { urls, token } = platform;
  expect(platform.pssBytes() ?? 1).toBeGreaterThan(0);
  await platform.stop();
  expect(pids.filter((pid) => processStartMark(pid) !== undefined)).toEqual([]);
  expect(existsSync(platform.clientFile)).toBe(false);
  expect(platform.logTail('ingest')).toContain('drained');
  platform = await startPlatform({ dataDir, services });
  expect(platform.urls).toEqual(urls);
  expect(platform.token).toBe(token);
  expect(await query('select count(*)::int as n from kept')).toEqual([{ n: 0 }]);
});

test('a start that cannot succeed says why with the end of the log, and leaves nothing', async () => {
  const broken = path.join(tempDir('platform'), 'data');
  const start = startPlatform({
    dataDir: broken,
    services: [{ name: 'audit', entry: fixture('crashing.mjs') }],
  });
  await expect(start).rejects.toThrow(/audit keeps ending at its start[\s\S]*GREETING is not set/);
  expect(existsSync(path.join(broken, 'pids.json'))).toBe(false);
});

test('a taken port is said in one sentence with the way out', async () => {
  const http = Number(new URL(platform.urls.http).port);
  const start = startPlatform({
    dataDir: path.join(tempDir('platform'), 'data'),
    services,
    ports: { http: Number(platform.urls.nats.split(':')[2]) },
  });
  await expect(start).rejects.toThrow(/^port \d+ \(gateway.http\) is taken by another program; .*--port/);
  expect(http).toBeGreaterThan(0);
});
