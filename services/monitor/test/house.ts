import { join } from 'node:path';
import { create, type MessageInitShape, toJsonString } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type ArtifactStore, openArtifacts } from '@perennial/artifacts';
import { type Bus, connectBus, eventHeaders, publishRaw } from '@perennial/bus';
import {
  type EventKind,
  eventSubject,
  events,
  eventType,
  MonitorService,
  OperationsService,
  PredictionSchema,
  predictionSubject,
  RouteRole,
  SegmentKind,
} from '@perennial/contracts';
import { uuidv5, uuidv7 } from '@perennial/kernel';
import { createClient, type RunningService, startService } from '@perennial/service';
import { canonicalSystem, parseSystem, type System } from '@perennial/spec';
import { openTables, type Tables, writeRows } from '@perennial/tables';
import { postgresForTests, startNats, tempDir, waitFor } from '@perennial/testkit';
import { monitor } from '../src/service.js';
import { dayMs, start } from './decide/rows.js';

const tenant = 'default';

interface Running {
  readonly service: RunningService;
  readonly client: Closable<typeof MonitorService>;
  readonly operations: Closable<typeof OperationsService>;
}
type Closable<D extends typeof MonitorService | typeof OperationsService> = ReturnType<
  typeof createClient<D>
>;

export interface Answered {
  /** Days after 2012-04-01. */
  day: number;
  /** The served answer; the frozen version answers 0. */
  answer: number;
  version?: number;
  epoch?: number;
  status?: string;
  id?: string;
  receivedAt?: number;
  key?: Record<string, string>;
  features?: Record<string, number | string>;
  /** 0: a rule named the version. */
  propensity?: number;
}

/** The monitor as a real process would run it, on a bus and a database of its own, and somebody who tells it things. */
export class House {
  readonly bus: Bus;
  readonly artifacts: ArtifactStore;
  #running: Running;
  readonly #startService: () => Promise<Running>;
  readonly #tables: Tables;
  readonly #stops: (() => Promise<unknown> | unknown)[];
  #files = 0;

  private constructor(parts: {
    bus: Bus;
    artifacts: ArtifactStore;
    running: Running;
    startService: () => Promise<Running>;
    tables: Tables;
    stops: (() => Promise<unknown> | unknown)[];
  }) {
    this.bus = parts.bus;
    this.artifacts = parts.artifacts;
    this.#running = parts.running;
    this.#startService = parts.startService;
    this.#tables = parts.tables;
    this.#stops = parts.stops;
  }

  static async open(): Promise<House> {
    const [nats, postgres] = await Promise.all([startNats(), postgresForTests()]);
    const database = await postgres.createDatabase();
    const env = {
      NATS_URL: nats.url,
      DATABASE_URL: database.urlWithoutPassword,
      DATABASE_PASSWORD_FILE: database.passwordFile,
      ARTIFACTS_URL: `file://${tempDir('artifacts')}`,
      PERENNIAL_TENANT: tenant,
      PERENNIAL_GRPC_LISTEN: '127.0.0.1:0',
      PERENNIAL_OPS_LISTEN: '127.0.0.1:0',
      LOG_LEVEL: 'warn',
    };
    const startMonitor = async (): Promise<Running> => {
      const service = await startService(monitor(env), { env });
      return {
        service,
        client: createClient(MonitorService, service.grpcAddress),
        operations: createClient(OperationsService, service.grpcAddress),
      };
    };
    const running = await startMonitor();
    const bus = await connectBus({ url: nats.url, name: 'test' });
    return new House({
      bus,
      artifacts: await openArtifacts({ url: env.ARTIFACTS_URL }),
      running,
      startService: startMonitor,
      tables: await openTables({}),
      stops: [() => bus.close(), () => database.drop(), () => nats.stop()],
    });
  }

  get client() {
    return this.#running.client;
  }

  /** Ends the service and starts it again on the same bus and database. */
  async restart(): Promise<void> {
    await this.#stopService();
    this.#running = await this.#startService();
  }

  async close(): Promise<void> {
    await this.#stopService();
    for (const stop of this.#stops) await stop();
    await this.#tables.close();
  }

  async #stopService(): Promise<void> {
    this.#running.client.close();
    this.#running.operations.close();
    await this.#running.service.stop();
  }

  /** Publishes an event as its service would; the same `id` again is the same event delivered again. */
  async tell<E extends EventKind>(
    event: E,
    aggregateId: string,
    body: MessageInitShape<E['schema']>,
    id = uuidv7(),
  ): Promise<void> {
    await publishRaw(this.bus, {
      subject: eventSubject(event, tenant, aggregateId),
      body: toJsonString(event.schema, create(event.schema, body), { alwaysEmitImplicit: true }),
      id: uuidv7(),
      headers: {
        [eventHeaders.specversion]: '1.0',
        [eventHeaders.id]: id,
        [eventHeaders.type]: eventType(event),
        [eventHeaders.source]: '/perennial/test',
        [eventHeaders.subject]: aggregateId,
        [eventHeaders.time]: new Date().toISOString(),
        [eventHeaders.datacontenttype]: 'application/json',
        [eventHeaders.tenant]: tenant,
        [eventHeaders.sequence]: '1',
        [eventHeaders.correlationid]: id,
      },
    });
  }

  async apply(yaml: string): Promise<System> {
    const system = parseSystem(yaml);
    await this.tell(events.systemApplied, system.name, {
      system: system.name,
      version: 1,
      specDigest: '',
      specJson: canonicalSystem(system),
      appliedBy: 'test',
    });
    return system;
  }

  async promote(system: System, version: number, evaluationValue: number, id?: string): Promise<void> {
    const features = { warmth: { kind: 'number', quantiles: [0, 1, 2], mean: 1, sd: 1, missing: 0 } };
    const { digest } = await this.artifacts.put(
      Buffer.from(JSON.stringify({ reference: { rows: 90, features } })),
    );
    await this.tell(
      events.modelPromoted,
      system.name,
      { system: system.name, alias: 'champion', version, evaluationValue, manifestDigest: digest },
      id,
    );
  }

  async deploy(system: System, epoch: number, champion: number, id?: string): Promise<void> {
    await this.tell(
      events.deploymentUpdated,
      system.name,
      {
        deployment: system.name,
        system: system.name,
        epoch: BigInt(epoch),
        systemVersion: 1,
        specJson: canonicalSystem(system),
        routes: [
          { role: RouteRole.CHAMPION, version: champion, digest: '', weight: 1 },
          { role: RouteRole.SHADOW, version: 1, digest: '', standing: true },
        ],
      },
      id,
    );
  }

  async ask(system: System, asked: Answered): Promise<void> {
    const { day, answer, version = 1, epoch = 1, status = 'OK' } = asked;
    const predictionId = asked.id ?? uuidv5(system.name, String(day));
    const isOk = status === 'OK';
    const row = {
      eventTime: timestampFromMs(start + day * dayMs),
      key: asked.key ?? {},
      features: asked.features ?? { warmth: day % 3 },
      answers: [
        {
          role: RouteRole.CHAMPION,
          version,
          value: answer,
          served: true,
          propensity: asked.propensity ?? 1,
        },
        { role: RouteRole.SHADOW, version: 9, value: 0 },
      ],
    };
    await publishRaw(this.bus, {
      subject: predictionSubject(tenant, system.name),
      id: uuidv7(),
      body: toJsonString(
        PredictionSchema,
        create(PredictionSchema, {
          predictionId,
          system: system.name,
          deployment: system.name,
          epoch: BigInt(epoch),
          receivedAt: timestampFromMs(asked.receivedAt ?? 1_700_000_000_000 + day),
          transport: 'http/v1',
          status,
          rowCount: 1,
          rows: isOk ? [row] : [],
        }),
      ),
    });
  }

  /** Tells of a verified segment with these rows; columns by name, `day` becomes the event time. */
  async segment(
    system: System,
    kind: 'rows' | 'labels',
    rows: Record<string, number | string>[],
    id?: string,
    { recordedEventId = '', repairId = '' } = {},
  ): Promise<void> {
    const names = Object.keys(rows[0] ?? {}).filter((name) => name !== 'day');
    const times = rows.map(({ day }) => start + Number(day) * dayMs);
    const file = join(tempDir('segment'), `${this.#files++}.parquet`);
    await writeRows(
      this.#tables,
      file,
      [
        { name: '_p_row_id', type: 'VARCHAR' },
        { name: '_p_event_time', type: 'TIMESTAMP' },
        ...names.map((name) => ({
          name,
          type: typeof rows[0]?.[name] === 'number' ? ('DOUBLE' as const) : ('VARCHAR' as const),
        })),
      ],
      rows.map((row, at) => [`r${at}`, times[at] as number, ...names.map((name) => row[name] ?? null)]),
    );
    const { digest } = await this.artifacts.putFile(file);
    const segmentId = uuidv7();
    await this.tell(
      events.segmentVerified,
      segmentId,
      {
        segmentId,
        source: system.source.name,
        kind: kind === 'rows' ? SegmentKind.ROWS : SegmentKind.LABELS,
        producer: 'desk',
        digest,
        rows: rows.length,
        eventTimeMin: timestampFromMs(Math.min(...times)),
        eventTimeMax: timestampFromMs(Math.max(...times)),
        recordedEventId,
        repairId,
      },
      id,
    );
  }

  /** The codes of what was set aside. */
  async parked(): Promise<string[]> {
    const { deadLetters } = await this.#running.operations.listDeadLetters({});
    return deadLetters.map(({ code }) => code);
  }

  /** Until all that was published so far is worked off. */
  async settled(): Promise<void> {
    await waitFor('the monitor to be settled', async () => {
      const { consumers, outboxUnpublished } = await this.#running.operations.getProgress({});
      return (
        outboxUnpublished === 0 &&
        consumers.every(({ pending, unacknowledged }) => Number(pending) + Number(unacknowledged) === 0)
      );
    });
  }
}
