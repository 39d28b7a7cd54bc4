import path from 'node:path';
import { adminAccess, type ClientFile, modelKeys, removeClientFile, writeClientFile } from './access.js';
import { type Backends, backends } from './backends.js';
import { type Folders, makeFolders } from './folders.js';
import { type Household, household } from './household.js';
import { logTail } from './log-file.js';
import { pssBytes } from './memory.js';
import { endOrphans } from './pids-file.js';
import { rememberedPorts } from './ports-file.js';
import { builtServices, type ServiceEntry, serviceProgram, withReplicas } from './services.js';
import { serviceSettings } from './settings.js';
import { gatewayScheme } from './shell-settings.js';

/** A first start on a slow, busy machine; 15 s is what we promise on two free cores. */
const readyWithinMsDefault = 120_000;
/** The one tenant of the embedded default. */
const tenant = 'default';

export interface PlatformOptions {
  readonly dataDir: string;
  /** Addresses for clients; free ports, chosen once and kept, where left out. */
  readonly ports?: { readonly http?: number; readonly grpc?: number };
  /** Shows the logs of all processes on the console too. */
  readonly verbose?: boolean;
  /** Further settings for every service. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where the client's file goes. Default: `<dataDir>/client.json`. */
  readonly clientFile?: string;
  /** Use the servers that NATS_URL and DATABASE_URL name, where they are set. Default: false. */
  readonly useExternal?: boolean;
  /** Told what goes on, one line each. Default: nobody. */
  readonly report?: (line: string) => void;
  /** What to run. Default: every service of the checkout. */
  readonly services?: readonly ServiceEntry[];
  /** How many of inference run: `inference`, `inference-2` and so on. Default: 1. */
  readonly replicas?: number;
  /** A start that takes longer than this fails. Default: 120 s. */
  readonly readyWithinMs?: number;
  /** Aborts the start, as soon as possible and leaving nothing. */
  readonly signal?: AbortSignal;
}

export interface Platform {
  /** `http://host:port`, `host:port`, `nats://host:port`. */
  readonly urls: { readonly http: string; readonly grpc: string; readonly nats: string };
  /** The administrator's token. */
  readonly token: string;
  readonly clientFile: string;
  readonly dataDir: string;
  /** Credentials of the producer `desk`; undefined with an external bus. */
  readonly firstProducerCredsFile: string | undefined;
  /** `nats`, `postgres` (where they are ours) and the services, in the order of their start. */
  readonly names: readonly string[];
  readonly readyAfterMs: number;
  /** The pid, or undefined while the process is down. */
  pid(name: string): number | undefined;
  /** How often the process had to be started again. */
  restarts(name: string): number;
  /** Sends a signal (SIGKILL by default); false when the process is down. Whoever ends by it is started again. */
  kill(name: string, signal?: NodeJS.Signals): boolean;
  /** Waits until every process runs and is ready. */
  untilReady(withinMs?: number): Promise<void>;
  /** Proportional memory of all processes but this one, in bytes; undefined where the system does not say. */
  pssBytes(): number | undefined;
  logTail(name: string, lineCount?: number): string;
  /** Ends the services, then nats and postgres; no process is left after. */
  stop(): Promise<void>;
}

/**
 * Brings the whole platform up on loopback and keeps it running: nats-server and PostgreSQL, then every service as
 * a process of its own. Resolves when all are ready; whatever had been started is stopped when that fails.
 *
 * @throws PlatformError with one sentence and the way out
 */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const startedAt = performance.now();
  const report = options.report ?? (() => {});
  const folders = makeFolders(path.resolve(options.dataDir));
  await endOrphans(folders.pidsFile, report);
  const house = household({ ...folders, report, verbose: options.verbose ?? false });
  try {
    const plan = await prepare(options, folders, report);
    await startAll(plan, house, options);
    const platform = describe(plan, house, options, performance.now() - startedAt);
    writeClientFile(platform.clientFile, clientFile(platform));
    return platform;
  } catch (error) {
    await house.stop(house.names());
    throw error;
  }
}

interface Plan {
  readonly folders: Folders;
  readonly services: readonly ServiceEntry[];
  readonly ports: Readonly<Record<string, number>>;
  readonly servers: Backends;
  readonly token: string;
  readonly environmentOf: (service: string) => Record<string, string>;
}

async function prepare(
  options: PlatformOptions,
  folders: Folders,
  report: (line: string) => void,
): Promise<Plan> {
  const services = withReplicas(options.services ?? builtServices(), options.replicas ?? 1);
  const perService = services.flatMap(({ name }) => [`${name}.grpc`, `${name}.ops`]);
  const { http, grpc } = options.ports ?? {};
  const ports = await rememberedPorts(
    folders.portsFile,
    ['nats', 'postgres', 'gateway.http', 'gateway.public-grpc', ...perService],
    {
      ...(http === undefined ? {} : { 'gateway.http': http }),
      ...(grpc === undefined ? {} : { 'gateway.public-grpc': grpc }),
    },
  );
  const servers = await backends({
    folders,
    ports: { nats: ports['nats'] as number, postgres: ports['postgres'] as number },
    tenant,
    useExternal: options.useExternal ?? false,
    report,
    signal: options.signal,
  });
  const access = adminAccess(folders.secretsDir, tenant);
  const keys = modelKeys(folders.secretsDir);
  const extra = options.env ?? {};
  const environmentOf = serviceSettings({
    services,
    ports,
    backends: servers,
    access,
    keys,
    folders,
    tenant,
    extra,
  });
  return { folders, services, ports, servers, token: access.token, environmentOf };
}

async function startAll(plan: Plan, house: Household, options: PlatformOptions): Promise<void> {
  const withinMs = options.readyWithinMs ?? readyWithinMsDefault;
  for (const program of plan.servers.programs) house.add(program);
  await house.untilReady(withinMs, options.signal);
  await plan.servers.afterReady();
  for (const service of plan.services) {
    const opsPort = plan.ports[`${service.name}.ops`] as number;
    house.add(serviceProgram(service, opsPort, plan.environmentOf(service.name)));
  }
  await house.untilReady(withinMs, options.signal);
}

function describe(plan: Plan, house: Household, options: PlatformOptions, readyAfterMs: number): Platform {
  const { dataDir } = plan.folders;
  const clientFile = options.clientFile ?? path.join(dataDir, 'client.json');
  const serverNames = plan.servers.programs.map((program) => program.name);
  return {
    urls: {
      http: `${gatewayScheme()}://127.0.0.1:${plan.ports['gateway.http']}`,
      grpc: `127.0.0.1:${plan.ports['gateway.public-grpc']}`,
      nats: plan.servers.natsUrl,
    },
    token: plan.token,
    clientFile,
    dataDir,
    firstProducerCredsFile: plan.servers.firstProducerCredsFile,
    names: house.names(),
    readyAfterMs,
    pid: (name) => house.get(name).pid(),
    restarts: (name) => house.get(name).restarts(),
    kill: (name, signal = 'SIGKILL') => house.get(name).kill(signal),
    untilReady: (withinMs = readyWithinMsDefault) => house.untilReady(withinMs),
    pssBytes: () => pssBytes([...house.pids().values()]),
    logTail: (name, lineCount) => logTail(house.get(name).logFile, lineCount),
    stop: async () => {
      await house.stop(plan.services.map(({ name }) => name));
      await house.stop(serverNames);
      removeClientFile(clientFile, dataDir);
    },
  };
}

function clientFile({ urls, token, dataDir }: Platform): ClientFile {
  return { url: urls.http, grpcUrl: urls.grpc, natsUrl: urls.nats, token, dataDir };
}
