/**
 * Features of entities by key while their stream is taken in: the whole platform runs, rows come at a steady pace, and
 * calls are made at the times of a fixed schedule, so that a slow answer delays no other. What is measured is the time
 * from when a call was due until its answer is here, at featurize's own gRPC door and over HTTP through the gateway.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, credentials } from '@grpc/grpc-js';
import { Perennial } from '@perennial/client';
import { GetFeaturesRequestSchema, GetFeaturesResponseSchema } from '@perennial/contracts';
import { invalid, waitFor } from '@perennial/kernel';
import { type Platform, startPlatform } from '@perennial/local';
import { cpuMs, line, ms, quantiles } from '../figures.js';
import { at as comeAt } from '../pace.js';

const source = 'readings';
const view = 'online';
const entities = 1_000;
/** Of the stream, each second; in so many messages. */
const rowsPerSecond = 500;
const messagesPerSecond = 5;
const askedPerSecond = 1_000;
const start = Date.UTC(2024, 0, 1);
/** Data time runs so many times faster than ours, so that windows of an hour fill. */
const speed = 30;

const system = `
apiVersion: perennial/v1
kind: System
name: ${view}
source: { name: ${source}, time: at, key: [site] }
label: { name: high, expr: "load > 0.9", task: classification, arrives: { within: 1h } }
features:
  - { name: temperature }
  - { name: load }
  - { name: warm, expr: temperature > 20 }
  - { name: load_hour, from: load, window: 1h, by: [site], as: mean }
  - { name: load_max, from: load, window: 3h, by: [site], as: max }
  - { name: load_last, from: load, window: { last: 5 }, by: [site], as: sum }
train: { trainer: gbdt, on: { from: 2300-01-01, to: 2300-02-01 } }
gate: { metric: auc, hold-out: { last: 1000 rows } }
monitor: { window: 1000 rows, decay: { metric: auc, worse-than: 5% } }
`;

type Ask = (sites: readonly string[]) => Promise<unknown>;

/** `seconds=30` (the default) of measuring each way. */
export async function run(words: readonly string[]): Promise<void> {
  const seconds = secondsOf(words);
  const folder = mkdtempSync(path.join(tmpdir(), 'perennial-online-'));
  const platform = await startPlatform({ dataDir: path.join(folder, 'data') });
  const client = new Perennial({ url: platform.urls.http, token: platform.token });
  const ports = JSON.parse(readFileSync(path.join(folder, 'data', 'ports.json'), 'utf8')) as Record<
    string,
    number
  >;
  const direct = new Client(`127.0.0.1:${ports['featurize.grpc']}`, credentials.createInsecure());
  const stream = new Stream(client);
  try {
    await client.applySystem(system);
    await stream.send(entities * 20);
    await waitFor(
      'the first rows',
      async () => (await client.watermark(view, { waitMs: 1_000 })).rows >= stream.newest,
      {
        withinMs: 120_000,
        everyMs: 100,
      },
    );
    const grpc = askedDirectly(direct);
    const http: Ask = (sites) => client.features.get(view, { entities: sites.map((site) => ({ site })) });
    // The first question has the rows kept from then on.
    await grpc(['site-0']);
    const streaming = stream.start();
    for (const [name, ask, size] of [
      ['gRPC, 10 entities a call', grpc, 10],
      ['HTTP, 10 entities a call', http, 10],
    ] as const) {
      await paced(ask, { size, seconds: 3 });
      const before = stream.sent;
      const cpuBefore = cpuOf(platform);
      const durations = await paced(ask, { size, seconds });
      const { p50, p99 } = quantiles(durations);
      const rows = Math.round((stream.sent - before) / seconds);
      const cpu = cpuOf(platform).map((after, at) => ms((after - (cpuBefore[at] ?? 0)) / durations.length));
      line(
        `${name}: ${Math.round((durations.length * size) / seconds)} entities/s, p50 ${ms(p50)}, p99 ${ms(p99)} (goal: below 5 ms), most ${ms(Math.max(...durations))}; ${rows} rows/s taken in; CPU a call and the rows beside it: ${measured.map((name, at) => `${name} ${cpu[at]}`).join(', ')}`,
      );
    }
    stream.stop();
    await streaming;
  } catch (error) {
    process.stderr.write(platform.logTail('featurize', 20));
    throw error;
  } finally {
    stream.stop();
    direct.close();
    await platform.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const measured = ['featurize', 'postgres', 'gateway'] as const;

function cpuOf(platform: Platform): number[] {
  return measured.map((name) => cpuMs(platform.pid(name)));
}

function askedDirectly(client: Client): Ask {
  return (sites) =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        '/perennial.v1.FeatureService/GetFeatures',
        (entities: readonly string[]) =>
          Buffer.from(
            toBinary(
              GetFeaturesRequestSchema,
              create(GetFeaturesRequestSchema, { view, entities: entities.map((site) => ({ site })) }),
            ),
          ),
        (bytes) => fromBinary(GetFeaturesResponseSchema, bytes),
        sites,
        (error, answer) => (error ? reject(error) : resolve(answer)),
      );
    });
}

function secondsOf(words: readonly string[]): number {
  const [name, value] = words[0]?.split('=') ?? ['seconds', '30'];
  const seconds = Number(value);
  if (words.length > 1 || name !== 'seconds' || !Number.isSafeInteger(seconds) || seconds < 1)
    throw invalid('BENCH_WORDS', `"${words.join(' ')}": say seconds=<number>, for example seconds=10`);
  return seconds;
}

/** Calls at the times of the schedule; durations count from when each was due. */
async function paced(ask: Ask, { size, seconds }: { size: number; seconds: number }): Promise<number[]> {
  const calls = (askedPerSecond / size) * seconds;
  const everyMs = (size * 1_000) / askedPerSecond;
  const durations: number[] = [];
  const open: Promise<void>[] = [];
  const began = performance.now();
  for (let call = 0; call < calls; call++) {
    const due = began + call * everyMs;
    await comeAt(due);
    const sites = Array.from({ length: size }, (_, at) => `site-${(call * size * 7 + at * 13) % entities}`);
    open.push(ask(sites).then(() => void durations.push(performance.now() - due)));
  }
  await Promise.all(open);
  return durations;
}

/** Readings of all sites in turn, a steady number each second. */
class Stream {
  sent = 0;
  newest = '';
  #stopped = false;
  readonly #client: Perennial;

  constructor(client: Perennial) {
    this.#client = client;
  }

  async send(count: number): Promise<void> {
    const rows = Array.from({ length: count }, (_, at) => this.#row(this.sent + at));
    this.newest = rows.at(-1)?.at ?? '';
    await this.#client.publish(source, 'rows', rows.map((row) => JSON.stringify(row)).join('\n'), {
      producer: 'bench',
      format: 'jsonl',
    });
    this.sent += count;
  }

  async start(): Promise<void> {
    let due = performance.now();
    while (!this.#stopped) {
      await this.send(rowsPerSecond / messagesPerSecond);
      due += 1_000 / messagesPerSecond;
      await comeAt(due);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  #row(index: number) {
    return {
      at: new Date(start + Math.floor((index * speed * 1_000) / rowsPerSecond)).toISOString(),
      site: `site-${index % entities}`,
      temperature: Math.round(Math.sin(index / 900) * 200 + 150) / 10,
      load: ((index * 7_919) % 10_007) / 10_007,
    };
  }
}
