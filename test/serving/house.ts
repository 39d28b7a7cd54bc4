import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Bus, connectBus, eventHeaders, publishRaw } from '@perennial/bus';
import { eventSubject, events, eventType } from '@perennial/contracts';
import { type Digest, digestOf, uuidv7 } from '@perennial/kernel';
import { freePort, type NatsForTests, startNats, tempDir, waitFor } from '@perennial/testkit';
import { openArtifacts } from '../../libs/artifacts/dist/mod.js';

export const token = 'a-token-for-tests';

/** A span as OTLP's JSON has it, with the service that sent it. */
export interface SpanTold {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
}

/** A gateway and a replica of inference as processes of their own, on a real bus, with a collector of traces. */
export interface ServingHouse {
  readonly url: string;
  readonly spans: readonly SpanTold[];
  ask(path: string, init?: RequestInit): Promise<Response>;
  /** What /metrics of the process says. */
  metrics(service: 'gateway' | 'inference'): Promise<string>;
  putModel(bytes: Uint8Array): Promise<Digest>;
  /** Tells that a model which was brought by itself is served so, and waits until it is. */
  serve(name: string, digest: Digest, settings: Serve): Promise<void>;
  close(): Promise<void>;
}

/** ServeSettings in ProtoJSON, as far as these tests set them. */
export interface Serve {
  readonly place?: 'PLACEMENT_POOL' | 'PLACEMENT_EDGE';
  readonly cacheSeconds?: number;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

export async function openServingHouse(): Promise<ServingHouse> {
  const nats = await startNats();
  const bus = await connectBus({ url: nats.url, name: 'test' });
  const artifactsUrl = pathToFileURL(tempDir('artifacts')).href;
  const artifacts = await openArtifacts({ url: artifactsUrl });
  const spans: SpanTold[] = [];
  const collector = await openCollector(spans);
  const ports = await Promise.all(Array.from({ length: 5 }, () => freePort()));
  const [http, grpc, inferenceGrpc, gatewayOps, inferenceOps] = ports.map((port) => `127.0.0.1:${port}`);
  const ops = { gateway: gatewayOps as string, inference: inferenceOps as string };
  const common = {
    LOG_LEVEL: 'error',
    NATS_URL: nats.url,
    ARTIFACTS_URL: artifactsUrl,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_BSP_SCHEDULE_DELAY: '50',
  };
  // Nobody listens where the others would be; the gateway asks them for nothing here.
  const others = ['ingest', 'validate', 'featurize', 'trainer', 'registry', 'monitor', 'audit'];
  const nobody = `127.0.0.1:${await freePort()}`;
  const processes = [
    start('inference', {
      ...common,
      PERENNIAL_GRPC_LISTEN: inferenceGrpc as string,
      PERENNIAL_OPS_LISTEN: ops.inference,
    }),
    start('gateway', {
      ...common,
      PERENNIAL_OPS_LISTEN: ops.gateway,
      PERENNIAL_HTTP_LISTEN: http as string,
      PERENNIAL_PUBLIC_GRPC_LISTEN: grpc as string,
      PERENNIAL_TOKENS_FILE: tokensFile(),
      PERENNIAL_PEERS: [`inference=${inferenceGrpc}`, ...others.map((name) => `${name}=${nobody}`)].join(','),
    }),
  ];
  const url = `http://${http}`;
  const ask: ServingHouse['ask'] = (path, init = {}) =>
    fetch(url + path, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } });
  for (const address of Object.values(ops)) await waitFor('the services', () => isReady(address));
  return {
    url,
    spans,
    ask,
    metrics: async (service) => (await fetch(`http://${ops[service]}/metrics`)).text(),
    putModel: async (bytes) => (await artifacts.put(bytes)).digest,
    serve: async (name, digest, serve) => {
      await tell(bus, name, digest, serve);
      await waitFor('the model', async () => (await ask(`/v2/models/${name}/ready`)).ok);
    },
    close: () => close(processes, collector, bus, nats),
  };
}

function tokensFile(): string {
  const file = join(tempDir('serving'), 'tokens.json');
  const sha256 = digestOf(token).slice('sha256:'.length);
  writeFileSync(
    file,
    JSON.stringify({ tokens: [{ name: 'tester', role: 'admin', tenant: 'default', sha256 }] }),
  );
  return file;
}

function start(service: string, env: Record<string, string>): ChildProcess {
  const main = join(root, 'services', service, 'dist', 'main.js');
  const { PATH = '' } = process.env;
  return spawn(process.execPath, [main], { env: { PATH, ...env }, stdio: ['ignore', 'inherit', 'inherit'] });
}

async function isReady(address: string): Promise<boolean> {
  return fetch(`http://${address}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** Takes OTLP over HTTP in JSON. */
async function openCollector(spans: SpanTold[]): Promise<Server> {
  const collector = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    response.end('{}');
    if (request.url === '/v1/traces') spans.push(...spansIn(Buffer.concat(parts).toString()));
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  return collector;
}

interface Exported {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { key: string; value: { stringValue?: string } }[] };
    readonly scopeSpans: readonly { readonly spans: readonly Omit<SpanTold, 'service'>[] }[];
  }[];
}

function spansIn(body: string): SpanTold[] {
  return (JSON.parse(body) as Exported).resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
    return scopeSpans.flatMap((scope) => scope.spans.map((span) => ({ ...span, service })));
  });
}

let epoch = 0n;

/** The registry's word about a model of two numbers, `a` and `b`. */
async function tell(bus: Bus, name: string, digest: Digest, serve: Serve): Promise<void> {
  epoch += 1n;
  const column = { datatype: 'FP64', shape: ['-1', '1'] };
  const deployment = {
    deployment: name,
    system: name,
    epoch: String(epoch),
    pool: 'cpu',
    routes: [{ role: 'ROUTE_ROLE_CHAMPION', version: 1, digest, weight: 1 }],
    inputs: ['a', 'b'].map((input) => ({ name: input, ...column })),
    outputs: [{ name: 'prediction', ...column }],
    serve,
  };
  const id = uuidv7();
  await publishRaw(bus, {
    subject: eventSubject(events.deploymentUpdated, 'default', name),
    id,
    body: JSON.stringify(deployment),
    headers: {
      [eventHeaders.id]: id,
      [eventHeaders.type]: eventType(events.deploymentUpdated),
      [eventHeaders.source]: '/perennial/registry',
      [eventHeaders.time]: new Date().toISOString(),
      [eventHeaders.tenant]: 'default',
    },
  });
}

async function close(
  processes: readonly ChildProcess[],
  collector: Server,
  bus: Bus,
  nats: NatsForTests,
): Promise<void> {
  const ended = processes.map((one) => new Promise((resolve) => one.once('exit', resolve)));
  for (const one of processes) one.kill('SIGTERM');
  await Promise.all(ended);
  collector.close();
  collector.closeAllConnections();
  await bus.close();
  await nats.stop();
}
