import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import { type Bus, connectBus, eventHeaders, publishRaw } from '@perennial/bus';
import {
  ApiKeyUpdatedSchema,
  type DeploymentUpdated,
  DeploymentUpdatedSchema,
  eventSubject,
  events,
  eventType,
  RouteRole,
  SystemAppliedSchema,
} from '@perennial/contracts';
import { digestOf, uuidv7 } from '@perennial/kernel';
import { startService } from '@perennial/service';
import { freePort, type NatsForTests, tempDir } from '@perennial/testkit';
import { gatewayService } from '../src/gateway-service.js';
import { servePeers, specJson, type World } from './peers.js';

export const tokens = { root: 'root-token', desk: 'desk-token' };

const services = ['ingest', 'validate', 'featurize', 'trainer', 'registry', 'inference', 'monitor', 'audit'];

export interface RunningGateway {
  readonly url: string;
  readonly grpcAddress: string;
  /** Where /metrics is. */
  readonly opsAddress: string;
  /** A call as the administrator, unless another token, or '' for none, is given. */
  ask(path: string, init?: RequestInit & { token?: string }): Promise<Response>;
  stop(): Promise<void>;
}

/** A gateway in this process against a real bus and real gRPC servers. */
export async function startGateway(
  nats: NatsForTests,
  state: World,
  settings: Record<string, string> = {},
  onLog?: (line: string) => void,
): Promise<RunningGateway> {
  const peers = await servePeers(state);
  const [httpListen, publicGrpcListen] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const tokensFile = join(tempDir('gateway'), 'tokens.json');
  writeFileSync(tokensFile, JSON.stringify({ tokens: [entry('root', 'admin'), entry('desk', 'client')] }));
  const running = await startService(gatewayService, {
    env: {
      LOG_LEVEL: 'error',
      NATS_URL: nats.url,
      PERENNIAL_HTTP_LISTEN: httpListen,
      PERENNIAL_PUBLIC_GRPC_LISTEN: publicGrpcListen,
      PERENNIAL_TOKENS_FILE: tokensFile,
      PERENNIAL_PEERS: services.map((name) => `${name}=${peers.address}`).join(','),
      ...settings,
    },
    ...(onLog && { onLog }),
  });
  const url = `http://${httpListen}`;
  return {
    url,
    grpcAddress: publicGrpcListen,
    opsAddress: running.opsAddress,
    ask: (path, { token = tokens.root, ...init } = {}) =>
      fetch(url + path, {
        ...init,
        headers: { ...init.headers, ...(token && { authorization: `Bearer ${token}` }) },
      }),
    stop: async () => {
      await running.stop();
      await peers.drain();
    },
  };
}

function entry(name: keyof typeof tokens, role: string) {
  return { name, role, tenant: 'default', sha256: digestOf(tokens[name]).slice('sha256:'.length) };
}

export async function openBus(nats: NatsForTests): Promise<Bus> {
  return connectBus({ url: nats.url, name: 'test' });
}

/** The registry's word that a system is served so. */
export async function tellDeployment(
  bus: Bus,
  epoch: bigint,
  routes: { role: RouteRole; version: number; weight?: number }[] = [
    { role: RouteRole.CHAMPION, version: 1 },
  ],
  more: MessageInitShape<typeof DeploymentUpdatedSchema> = {},
): Promise<void> {
  const deployment: DeploymentUpdated = create(DeploymentUpdatedSchema, {
    system: 'heat',
    deployment: 'heat',
    epoch,
    specJson,
    inputs: ['outside', 'yesterday'].map((name) => ({ name, datatype: 'FP64' })),
    routes: routes.map((route) => ({ weight: 1, ...route, digest: digestOf(`model ${route.version}`) })),
    ...more,
  });
  await tell(bus, events.deploymentUpdated, toJson(DeploymentUpdatedSchema, deployment));
}

export async function tellApplied(bus: Bus, system: string): Promise<void> {
  const applied = create(SystemAppliedSchema, { system, version: 1, specJson });
  await tell(bus, events.systemApplied, toJson(SystemAppliedSchema, applied), system);
}

/** The registry's word about an API key. */
export async function tellKey(bus: Bus, key: MessageInitShape<typeof ApiKeyUpdatedSchema>): Promise<void> {
  const body = toJson(ApiKeyUpdatedSchema, create(ApiKeyUpdatedSchema, key));
  await tell(bus, events.apiKeyUpdated, body, key.keyId);
}

type Told = typeof events.deploymentUpdated | typeof events.systemApplied | typeof events.apiKeyUpdated;

async function tell(bus: Bus, event: Told, body: unknown, aggregateId = 'heat'): Promise<void> {
  const id = uuidv7();
  await publishRaw(bus, {
    subject: eventSubject(event, 'default', aggregateId),
    id,
    body: JSON.stringify(body),
    headers: {
      [eventHeaders.id]: id,
      [eventHeaders.type]: eventType(event),
      [eventHeaders.source]: '/perennial/registry',
      [eventHeaders.time]: new Date().toISOString(),
      [eventHeaders.tenant]: 'default',
    },
  });
}
