/**
 * JSON lines over HTTP until they are durable rows, against what the same process can publish of the same bytes to
 * JetStream: one row a message, as rows go there, and as full messages. Only the gateway and ingest run beside the bus
 * and the database.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { connectBus, publishRaw } from '@perennial/bus';
import { Perennial } from '@perennial/client';
import { digestOf, waitFor } from '@perennial/kernel';
import { rootDir } from '@perennial/local';
import { freePort, startNats, startPostgres, tempDir } from '@perennial/testkit';
import { cpuMs, line } from '../figures.js';

const rowsPerBody = 50_000;
const bodies = 6;
const bodiesAtOnce = 2;
/** What a producer may have unacknowledged without being slowed down. */
const publishesInFlight = 512;
/** With its headers a message of the bus takes 256 KiB. */
const messageBytes = 192 * 1024;

/** A reading of a weather station, some 155 bytes. */
function rowText(i: number): string {
  const time = new Date(Date.UTC(2024, 0, 1) + i * 1_000).toISOString();
  return JSON.stringify({
    date: time,
    station: `station-${i % 50}`,
    temperature: Math.round(Math.sin(i / 3_600) * 200) / 10,
    humidity: 40 + (i % 60),
    pressure: 1000 + (i % 37) / 10,
    wind: (i % 113) / 10,
    gust: (i % 171) / 10,
    rain: i % 9 === 0 ? 0.2 : 0,
    quality: 'ok',
  });
}

function bodyOf(part: number): string[] {
  return Array.from({ length: rowsPerBody }, (_, i) => rowText(part * rowsPerBody + i));
}

export async function run(): Promise<void> {
  const house = await open();
  try {
    // Once to warm up.
    await house.client.publish('stations', 'rows', bodyOf(1_000).join('\n'), {
      producer: 'bench',
      format: 'jsonl',
    });
    const texts = Array.from({ length: bodies }, (_, part) => bodyOf(part));
    const bytes = texts.flat().reduce((sum, text) => sum + text.length + 1, 0);
    const cpuBefore = house.cpuMs();
    const http = await timed(() =>
      publishAll(
        house.client,
        texts.map((lines) => lines.join('\n')),
      ),
    );
    const cpu = house.cpuMs() - cpuBefore;
    const rows = rowsPerBody * bodies;
    const perSecond = (seconds: number) =>
      `${Math.round(rows / seconds).toLocaleString('en-US')} rows/s, ${(bytes / seconds / 2 ** 20).toFixed(1)} MiB/s`;
    line(`HTTP JSON lines          ${perSecond(http)}; ${((cpu * 1_000) / rows).toFixed(1)} us of CPU a row`);
    // The bus is to have the machine to itself.
    await house.stopServices();
    const single = await timed(() => house.publishToBus(texts.flat()));
    line(
      `JetStream, a row each    ${perSecond(single)}; HTTP is ${(single / http).toFixed(2)} of it (goal: 0.60)`,
    );
    const full = await timed(() => house.publishToBus(joined(texts.flat())));
    line(`JetStream, full messages ${perSecond(full)}; HTTP is ${(full / http).toFixed(2)} of it`);
  } finally {
    await house.close();
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1_000;
}

async function publishAll(client: Perennial, texts: readonly string[]): Promise<void> {
  const left = texts.entries();
  const lane = async () => {
    for (const [, text] of left) {
      const { taken } = await client.publish('stations', 'rows', text, {
        producer: 'bench',
        format: 'jsonl',
      });
      if (taken !== rowsPerBody) throw new Error(`${taken} rows were taken of ${rowsPerBody}`);
    }
  };
  await Promise.all(Array.from({ length: bodiesAtOnce }, lane));
}

function joined(texts: readonly string[]): string[] {
  const messages: string[] = [];
  let open: string[] = [];
  let size = 0;
  for (const text of texts) {
    if (size + text.length > messageBytes) {
      messages.push(open.join('\n'));
      open = [];
      size = 0;
    }
    open.push(text);
    size += text.length + 1;
  }
  return [...messages, open.join('\n')];
}

async function open() {
  const [nats, postgres] = await Promise.all([startNats(), startPostgres()]);
  const folder = tempDir('http-ingest');
  const token = 'bench-token';
  const tokensFile = path.join(folder, 'tokens.json');
  const sha256 = digestOf(token).slice('sha256:'.length);
  const tokens = [{ name: 'bench', role: 'admin', tenant: 'default', sha256 }];
  writeFileSync(tokensFile, JSON.stringify({ tokens }));
  const [grpc, http] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const shared = {
    ...process.env,
    LOG_LEVEL: 'error',
    NATS_URL: nats.url,
    DATABASE_URL: postgres.url,
    ARTIFACTS_URL: pathToFileURL(path.join(folder, 'artifacts')).href,
    PERENNIAL_TENANT: 'default',
  };
  const peers = ['ingest', 'validate', 'featurize', 'trainer', 'registry', 'inference', 'monitor', 'audit'];
  const processes = [
    await started('ingest', { ...shared, PERENNIAL_GRPC_LISTEN: grpc }),
    await started('gateway', {
      ...shared,
      PERENNIAL_HTTP_LISTEN: http,
      PERENNIAL_PUBLIC_GRPC_LISTEN: `127.0.0.1:${await freePort()}`,
      PERENNIAL_TOKENS_FILE: tokensFile,
      PERENNIAL_PEERS: peers.map((name) => `${name}=${grpc}`).join(','),
    }),
  ];
  const client = new Perennial({ url: `http://${http}`, token });
  await waitFor(
    'the doors to open',
    async () => {
      const yaml = 'apiVersion: perennial/v1\nkind: Source\nname: stations\ntime: date\n';
      return client.sources.apply(yaml).then(
        () => true,
        () => false,
      );
    },
    { withinMs: 60_000, everyMs: 200 },
  );
  const bus = await connectBus({ url: nats.url, name: 'bench' });
  const stopServices = async () => {
    for (const child of processes.splice(0)) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  };
  let sent = 0;
  return {
    client,
    cpuMs: () => processes.reduce((sum, { pid }) => sum + cpuMs(pid ?? 0), 0),
    publishToBus: async (texts: readonly string[]) => {
      const left = texts.values();
      const lane = async () => {
        for (const body of left)
          await publishRaw(bus, { subject: 'rows.default.stations.bench', body, id: `bench-${sent++}` });
      };
      await Promise.all(Array.from({ length: publishesInFlight }, lane));
    },
    stopServices,
    close: async () => {
      await stopServices();
      await bus.close();
      await Promise.all([nats.stop(), postgres.stop()]);
    },
  };
}

async function started(name: string, env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const entry = path.join(rootDir, 'services', name, 'dist', 'main.js');
  const ops = { PERENNIAL_OPS_LISTEN: `127.0.0.1:${await freePort()}` };
  return spawn(process.execPath, [entry], {
    env: { ...env, ...ops },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
