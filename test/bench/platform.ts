/**
 * `npm run bench`: what the embedded platform costs and how fast it answers, each beside a named peer in the same run:
 * a bare node:http server that parses and answers the same JSON, since no server in Node can be faster.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { GrpcPerennial, Perennial } from '@perennial/client';
import { waitFor } from '@perennial/kernel';
import { type Platform, rootDir, startPlatform } from '@perennial/local';
import { cpuMs, line, ms, quantiles, timed } from './figures.js';

const system = 'heat-demand';
const source = 'meter';
const row = { hour: '2024-03-01T06:00:00Z', outside: -3.5, wind: 2 };
/** The same with what the platform would add. */
const whole = { ...row, hour_of_day: 6, demand_last_hour: 100, demand_day: 100 };
const requestsPerRun = 2_000;
const lanes = 16;

const folder = mkdtempSync(path.join(tmpdir(), 'perennial-bench-'));
try {
  const dataDir = path.join(folder, 'data');
  const first = await startPlatform({ dataDir });
  line(`start, empty folder   ready after ${(first.readyAfterMs / 1000).toFixed(1)} s`);
  await first.stop();
  const platform = await startPlatform({ dataDir });
  try {
    line(`start, again          ready after ${(platform.readyAfterMs / 1000).toFixed(1)} s (limit 15 s)`);
    memory('idle', platform);
    const client = new Perennial({ url: platform.urls.http, token: platform.token });
    await takeHistory(client);
    await predictions(platform, client);
    await hops(client);
    memory('after the load', platform);
  } finally {
    await platform.stop();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function memory(when: string, platform: Platform): void {
  const mib = Math.round((platform.pssBytes() ?? 0) / 2 ** 20);
  line(`memory, ${when.padEnd(14)} ${mib} MiB PSS in ${platform.names.length} processes (limit 1,200 MB)`);
}

async function takeHistory(client: Perennial): Promise<void> {
  const example = (name: string) =>
    readFileSync(path.join(rootDir, 'examples', 'first-system', name), 'utf8');
  await client.applySystem(example('system.yaml'));
  const options = { producer: 'bench', format: 'csv' as const };
  await client.publish(source, 'rows', example('rows.csv'), options);
  await client.publish(source, 'labels', example('labels.csv'), options);
  await waitFor('the first champion', async () => (await champion(client)) === 1, {
    withinMs: 120_000,
    everyMs: 100,
  });
}

async function champion(client: Perennial): Promise<number> {
  const answer = await client.call<{ summary?: { champion?: number } }>('GET', `/v1/systems/${system}`);
  return answer.summary?.champion ?? 0;
}

async function predictions(platform: Platform, client: Perennial): Promise<void> {
  const peer = await bareServer();
  const bare = new Perennial({ url: peer.url, token: 'none' });
  const grpc = new GrpcPerennial({ address: platform.urls.grpc, token: platform.token });
  const { hour, ...numbers } = row;
  const ways: [string, () => Promise<unknown>, () => Promise<unknown>][] = [
    ['HTTP', () => client.predict(system, [row]), () => bare.predict(system, [row])],
    ['HTTP, all features sent', () => client.predict(system, [whole]), () => bare.predict(system, [whole])],
    ['gRPC', () => grpc.predict(system, numbers, hour), () => bare.predict(system, [row])],
  ];
  for (const [name, ask, askPeer] of ways) {
    await timed(200, lanes, ask);
    for (const width of [1, lanes]) {
      const cpuBefore = cpuOf(platform);
      const ours = await timed(requestsPerRun, width, ask);
      // What a prediction leads to is part of its price.
      await client.watermark(system, { waitMs: 20_000 });
      const cpu = cpuOf(platform).map(
        ([name, after], at) => [name, after - (cpuBefore[at]?.[1] ?? 0)] as const,
      );
      const theirs = await timed(requestsPerRun, width, askPeer);
      const { p50, p99 } = quantiles(ours.durations);
      const ratio = ours.perSecond / theirs.perSecond;
      line(
        `predict, ${name}, ${String(width).padStart(2)} at once  p50 ${ms(p50)}, p99 ${ms(p99)}, ${Math.round(ours.perSecond)}/s; ` +
          `${ratio.toFixed(2)} of a bare node:http server (${Math.round(theirs.perSecond)}/s)`,
      );
      line(`  CPU per request      ${cpuLine(cpu)}`);
    }
  }
  grpc.close();
  await peer.close();
}

/** CPU time so far by process, in ms. */
function cpuOf(platform: Platform): (readonly [string, number])[] {
  return platform.names.map((name) => [name, cpuMs(platform.pid(name))] as const);
}

/** In microseconds, the dearest first. */
function cpuLine(cpu: readonly (readonly [string, number])[]): string {
  const perRequest = (cost: number) => Math.round((cost * 1_000) / requestsPerRun);
  const all = cpu.reduce((sum, [, cost]) => sum + cost, 0);
  const dearest = [...cpu].sort(([, a], [, b]) => b - a).slice(0, 6);
  return `${perRequest(all)} us (${dearest.map(([name, cost]) => `${name} ${perRequest(cost)}`).join(', ')})`;
}

/** From a row's publication to the platform having done all that follows: verified, featurized, counted, logged. */
async function hops(client: Perennial): Promise<void> {
  const days = Array.from({ length: 60 }, (_, day) => new Date(Date.UTC(2024, 5, 1 + day)).toISOString());
  const { durations } = await timed(days.length, 1, async (index) => {
    const body = JSON.stringify({ ...row, hour: days[index] });
    await client.publish(source, 'rows', body, { producer: 'bench', format: 'json' });
    await waitFor(
      'the row to be settled',
      async () => (await client.watermark(system, { rows: days[index] as string, waitMs: 5_000 })).settled,
      { withinMs: 30_000, everyMs: 2 },
    );
  });
  const { p50, p99 } = quantiles(durations);
  line(`row in to all settled p50 ${ms(p50)}, p99 ${ms(p99)}`);
}

async function bareServer(): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(parts).toString()) as { rows: unknown[] };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ predictions: body.rows.map(() => ({ prediction: 1 })) }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}
