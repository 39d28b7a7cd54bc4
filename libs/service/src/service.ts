import {
  type Bus,
  type BusWork,
  busMigrations,
  connectBus,
  emitterFor,
  ensureStreams,
  type Log,
  startBusWork,
} from '@perennial/bus';
import { type Database, migrate, openDatabase, transact } from '@perennial/db';
import { type Clock, invalid, limits } from '@perennial/kernel';
import type { z } from 'zod';
import type { CommonSettings, Settings } from './config.js';
import { watchBus, watchDatabase } from './connection-state.js';
import type { Frame, Parts, ServiceOptions } from './frame.js';
import { createClient } from './grpc/client.js';
import { healthService } from './grpc/health.js';
import { type GrpcServer, serveGrpc } from './grpc/server.js';
import { operationsService } from './operations.js';
import { type OpsServer, type Readiness, serveOps } from './ops-http.js';
import { patiently } from './patience.js';
import { Peers } from './peers.js';
import type { RunningService } from './start-service.js';
import { standingGauges } from './telemetry/gauges.js';
import { startTelemetry, type Telemetry } from './telemetry/metrics.js';

export interface Given<S extends Record<string, z.ZodType>> {
  readonly settings: Settings<S>;
  readonly common: CommonSettings;
  readonly log: Log;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
}

/** Of the time to drain, the share that calls in hand may use up; closing the rest takes some too. */
const callsShare = 0.6;

/** A service between start and stop. What it opened so far is what stop() closes. */
export class Service<S extends Record<string, z.ZodType>> {
  readonly #o: ServiceOptions<S>;
  readonly #given: Given<S>;
  readonly #peers: Peers;
  readonly #stopping = new AbortController();
  #telemetry: Telemetry | undefined;
  #ops: OpsServer | undefined;
  #bus: Bus | undefined;
  #isBusUp: (() => boolean) | undefined;
  #database: Database | undefined;
  #isDatabaseUp: (() => Promise<boolean>) | undefined;
  #busWork: BusWork | undefined;
  #grpc: GrpcServer | undefined;
  #parts: Parts = {};
  #isStarted = false;
  #stopped: Promise<void> | undefined;

  constructor(o: ServiceOptions<S>, given: Given<S>) {
    this.#o = o;
    this.#given = given;
    this.#peers = new Peers(given.common.peers);
  }

  async start(): Promise<RunningService> {
    const { name } = this.#o;
    const { common, log, env } = this.#given;
    this.#telemetry = await startTelemetry(name, env);
    // First, so that whoever waits for the service can see what it waits for.
    this.#ops = await serveOps({
      listen: common.opsListen,
      service: name,
      readiness: () => this.#readiness(),
      metrics: this.#telemetry.answer,
    });
    await this.#connect();
    const frame = this.#frame(this.#telemetry);
    this.#parts = await this.#o.build(frame);
    await this.#startBusWork();
    this.#grpc = await this.#serve();
    await this.#parts.start?.();
    this.#isStarted = true;
    log.info('ready', { grpc: this.#grpc.address, ops: this.#ops.address });
    return {
      name,
      grpcAddress: this.#grpc.address,
      opsAddress: this.#ops.address,
      log,
      stop: () => this.stop(),
    };
  }

  /** Calls and handlers end, then the parts, then connections close: each still has what it stands on. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { log } = this.#given;
    log.info('stopping');
    this.#stopping.abort();
    const closing = async (what: string, close: (() => Promise<void> | void) | undefined) => {
      try {
        await close?.();
      } catch (error) {
        log.warn(`${what} did not stop well`, { error });
      }
    };
    await Promise.all([
      closing('gRPC', () => this.#grpc?.drain()),
      closing('handlers', () => this.#busWork?.stop()),
    ]);
    await closing('the service', () => this.#parts.stop?.());
    this.#peers.close();
    await closing('the bus', () => this.#bus?.close());
    await closing('the database', () => this.#database?.close());
    await closing('telemetry', () => this.#telemetry?.stop());
    await closing('the ops server', () => this.#ops?.close());
    log.info('stopped');
  }

  async #connect(): Promise<void> {
    const { name } = this.#o;
    const { common, log } = this.#given;
    if (this.#o.bus !== false) {
      const url = needed('NATS_URL', common.natsUrl);
      const credsFile = common.natsCredsFile;
      const bus = await patiently('connecting to the bus', log, () =>
        connectBus({ url, name, ...(credsFile !== undefined && { credsFile }) }),
      );
      this.#bus = bus;
      this.#isBusUp = watchBus(bus);
      await patiently('preparing the streams', log, () => ensureStreams(bus));
    }
    if (this.#o.migrations) {
      const passwordFile = common.databasePasswordFile;
      const url = needed('DATABASE_URL', common.databaseUrl);
      const database = await patiently('connecting to the database', log, () =>
        openDatabase({ url, schema: name, name, ...(passwordFile !== undefined && { passwordFile }) }),
      );
      this.#database = database;
      this.#isDatabaseUp = watchDatabase(database);
      const folder = this.#o.migrations;
      await patiently('migrating the database', log, async () => {
        const applied = [
          ...(await migrate(database, busMigrations, 'bus')),
          ...(await migrate(database, folder)),
        ];
        if (applied.length > 0) log.info('migrated the database', { applied });
      });
    }
  }

  #frame({ meter }: Telemetry): Frame<S> {
    const { name } = this.#o;
    const { settings, common, clock, log } = this.#given;
    const { tenant, peers } = common;
    const bus = () => opened(this.#bus, `${name} was started without a bus`);
    const database = () => opened(this.#database, `${name} has no migrations, and so no database`);
    const grpcAddress = () => opened(this.#grpc, `${name} does not listen yet`).address;
    return {
      name,
      tenant,
      settings,
      clock,
      log,
      meter,
      peers,
      stopping: this.#stopping.signal,
      get bus() {
        return bus();
      },
      get database() {
        return database();
      },
      client: (service, peer) => this.#peers.client(service, peer),
      dial: (service, address, peer, codecs) => createClient(service, address, { peer, codecs }),
      get grpcAddress() {
        return grpcAddress();
      },
      transact: async (work) => {
        const { putArtifact } = this.#parts;
        const result = await transact(database().db, (tx) =>
          work(tx, ({ correlationId, causationId } = {}) =>
            emitterFor(tx, {
              tenant,
              service: name,
              clock,
              ...(correlationId !== undefined && { correlationId }),
              ...(causationId !== undefined && { causationId }),
              ...(putArtifact && { putArtifact }),
            }),
          ),
        );
        this.#busWork?.wakeRelay();
        return result;
      },
    };
  }

  async #startBusWork(): Promise<void> {
    const { name } = this.#o;
    const { log, clock, common } = this.#given;
    const { handlers = [], putArtifact, getArtifact } = this.#parts;
    const [bus, database] = [this.#bus, this.#database];
    if (!bus || !database) {
      if (handlers.length > 0) throw new Error(`${name} has handlers, which need a bus and a database`);
      return;
    }
    this.#busWork = await patiently('starting the handlers', log, () =>
      startBusWork({
        bus,
        database,
        service: name,
        tenant: common.tenant,
        clock,
        handlers,
        log,
        ...(putArtifact && { putArtifact }),
        ...(getArtifact && { getArtifact }),
      }),
    );
  }

  #serve(): Promise<GrpcServer> {
    const { name } = this.#o;
    const { common, clock, log } = this.#given;
    const standing = {
      name,
      tenant: common.tenant,
      clock,
      database: this.#database,
      busWork: () => this.#busWork,
      progress: () => this.#parts.progress?.() ?? {},
      parts: () => this.#parts,
    };
    standingGauges(standing);
    return serveGrpc({
      listen: common.grpcListen,
      services: [
        ...(this.#parts.services ?? []),
        operationsService(standing),
        healthService(async () => (await this.#readiness()).ready),
      ],
      drainTimeoutMs: limits.drainTimeoutMs * callsShare,
      onError: (error, path) => log.error('a call failed', { path, error }),
    });
  }

  async #readiness(): Promise<Readiness> {
    const waitsFor: string[] = [];
    if (this.#stopping.signal.aborted) waitsFor.push('it is stopping');
    if (this.#o.bus !== false && !this.#isBusUp?.()) waitsFor.push('bus');
    if (this.#o.migrations && !(await this.#isDatabaseUp?.())) waitsFor.push('database');
    if (!this.#isStarted) waitsFor.push('start');
    else {
      if (this.#busWork && !this.#busWork.ready()) waitsFor.push('handlers');
      if (this.#parts.ready && !this.#parts.ready()) waitsFor.push('the service itself');
    }
    return { ready: waitsFor.length === 0, waitsFor };
  }
}

function needed(variable: string, value: string | undefined): string {
  if (value !== undefined) return value;
  throw invalid('CONFIG_INVALID', `${variable} is not set; name the server, see infra/local`, {
    field: variable,
  });
}

function opened<T>(value: T | undefined, otherwise: string): T {
  if (value === undefined) throw new Error(otherwise);
  return value;
}
