import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { create, type MessageInitShape, type MessageShape, toJsonString } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type ArtifactStore, openArtifacts } from '@perennial/artifacts';
import { type Bus, connectBus, decodeEvent, eventHeaders, follow, publishRaw } from '@perennial/bus';
import {
  type EventKind,
  eventSubject,
  events,
  eventType,
  OperationsService,
  SchemaService,
  SegmentKind,
  ValidateService,
} from '@perennial/contracts';
import { type Digest, uuidv5, uuidv7 } from '@perennial/kernel';
import { type Client, createClient, startService } from '@perennial/service';
import { openTables, quoteText, type Tables, writeRows } from '@perennial/tables';
import { freePort, postgresForTests, startNats, tempDir, waitFor } from '@perennial/testkit';
import type { JudgedRow } from '../src/schema/value.js';
import { validate } from '../src/validate.js';

export interface House {
  readonly bus: Bus;
  readonly tables: Tables;
  readonly artifacts: ArtifactStore;
  readonly client: Client<typeof ValidateService>;
  readonly schemas: Client<typeof SchemaService>;
  readonly operations: Client<typeof OperationsService>;
  /** Tells what another service would. */
  tell<E extends EventKind>(
    event: E,
    aggregateId: string,
    body: MessageInitShape<E['schema']>,
  ): Promise<void>;
  /** Tells that these rows were recorded, as ingest does. */
  record(segment: RecordedRows): Promise<string>;
  /** The same for a file that lies ready. */
  recordFile(path: string, segment: Omit<RecordedRows, 'rows'> & { count: number }): Promise<string>;
  /** Tells the segment again, as a new event. */
  repeat(segmentId: string): Promise<void>;
  settled(): Promise<void>;
  /** Everything of one kind that was told, in order. */
  told<E extends EventKind>(event: E): MessageShape<E['schema']>[];
  /** Their ids. */
  idsOf(event: EventKind): string[];
  rowsOf(digest: string): Promise<Record<string, unknown>[]>;
  /** SIGKILL, and a new process; only of a house whose service is apart. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export interface RecordedRows {
  readonly source: string;
  readonly producer: string;
  readonly kind?: SegmentKind;
  readonly rows: readonly JudgedRow[];
}

/** validate on a bus and a database of its own; `apart` in a process of its own, so that it can be killed. */
export async function openHouse({ apart = false } = {}): Promise<House> {
  const [nats, database] = await Promise.all([
    startNats(),
    postgresForTests().then((postgres) => postgres.createDatabase()),
  ]);
  const url = pathToFileURL(tempDir('artifacts')).href;
  process.env['ARTIFACTS_URL'] = url;
  const env = {
    NATS_URL: nats.url,
    DATABASE_URL: database.url,
    LOG_LEVEL: 'warn',
    PERENNIAL_FRESHNESS_EVERY_SECONDS: '0.2',
  };
  const service = apart ? await startApart(env) : await startHere(env);
  const bus = await connectBus({ url: nats.url, name: 'test' });
  const artifacts = await openArtifacts({ url });
  const tables = await openTables({});
  const client = createClient(ValidateService, service.grpcAddress);
  const schemas = createClient(SchemaService, service.grpcAddress);
  const operations = createClient(OperationsService, service.grpcAddress);
  const heard: { kind: string; id: string; body: unknown }[] = [];
  const listening = new AbortController();
  follow(bus, {
    stream: 'DATA',
    filter: 'evt.>',
    from: 'all',
    signal: listening.signal,
    onMessage: (message) => {
      const event = decodeEvent(message);
      if (event) heard.push({ kind: event.type, id: event.id, body: event.body });
    },
  });
  const recorded = new Map<string, MessageInitShape<(typeof events.segmentRecorded)['schema']>>();
  const dir = tempDir('segments');
  const tell: House['tell'] = async (event, aggregateId, body) => {
    const id = uuidv7();
    await publishRaw(bus, {
      subject: eventSubject(event, 'default', aggregateId),
      id,
      headers: {
        [eventHeaders.id]: id,
        [eventHeaders.type]: eventType(event),
        [eventHeaders.source]: '/perennial/ingest',
        [eventHeaders.time]: new Date().toISOString(),
        [eventHeaders.sequence]: '1',
      },
      body: toJsonString(event.schema, create(event.schema, body)),
    });
  };
  const tellRecorded = async (segmentId: string) => {
    await tell(events.segmentRecorded, segmentId, recorded.get(segmentId) ?? {});
    return segmentId;
  };
  const recordFile: House['recordFile'] = async (
    path,
    { source, producer, kind = SegmentKind.ROWS, count },
  ) => {
    const { digest } = await artifacts.putFile(path);
    const segmentId = uuidv5('test', source, producer, digest, String(kind));
    const [span = {}] = await tables.rows(
      `select min(_p_event_time) as low, max(_p_event_time) as high from read_parquet(${quoteText(path)})`,
    );
    recorded.set(segmentId, {
      segmentId,
      source,
      kind,
      producer,
      digest,
      rows: count,
      eventTimeMin: timestampFromMs(Number(span['low'])),
      eventTimeMax: timestampFromMs(Number(span['high'])),
    });
    return tellRecorded(segmentId);
  };
  return {
    bus,
    tables,
    artifacts,
    client,
    schemas,
    operations,
    tell,
    recordFile,
    kill: () => service.kill(),
    record: async ({ rows, ...segment }) => {
      const path = join(dir, `${uuidv7()}.parquet`);
      await writeSegmentFile(tables, path, rows);
      return recordFile(path, { ...segment, count: rows.length });
    },
    repeat: async (segmentId) => void (await tellRecorded(segmentId)),
    settled: () =>
      waitFor(
        'validate to be quiet',
        async () => {
          const { consumers, outboxUnpublished } = await operations.getProgress({});
          return (
            outboxUnpublished +
              consumers.reduce((sum, one) => sum + Number(one.pending) + one.unacknowledged, 0) ===
            0
          );
        },
        { withinMs: 180_000 },
      ).then(async () => {
        const { state } = await (await bus.js.streams.get('DATA')).info();
        await waitFor('the events to be heard', () => heard.length >= state.messages);
      }),
    told: <E extends EventKind>(event: E) =>
      heard
        .filter(({ kind }) => kind === eventType(event))
        .map(({ body }) => body as MessageShape<E['schema']>),
    idsOf: (event) => heard.filter(({ kind }) => kind === eventType(event)).map(({ id }) => id),
    rowsOf: async (digest) =>
      tables.rows(
        `select * from read_parquet(${quoteText(await artifacts.localFile(digest as Digest))}) order by _p_event_time`,
      ),
    stop: async () => {
      listening.abort();
      client.close();
      schemas.close();
      operations.close();
      await service.stop();
      await bus.close();
      await tables.close();
      await Promise.all([nats.stop(), database.drop()]);
    },
  };
}

interface Running {
  readonly grpcAddress: string;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

async function startHere(env: Record<string, string>): Promise<Running> {
  const service = await startService(validate, { env });
  return {
    grpcAddress: service.grpcAddress,
    kill: () => Promise.reject(new Error('it runs in this process')),
    stop: () => service.stop(),
  };
}

const entry = fileURLToPath(new URL('../dist/main.js', import.meta.url));

async function startApart(env: Record<string, string>): Promise<Running> {
  const grpcAddress = `127.0.0.1:${await freePort()}`;
  const [artifacts, path] = [process.env['ARTIFACTS_URL'] ?? '', process.env['PATH'] ?? ''];
  const all = { ...env, ARTIFACTS_URL: artifacts, PATH: path, PERENNIAL_GRPC_LISTEN: grpcAddress };
  const operations = createClient(OperationsService, grpcAddress);
  const start = async () => {
    const child = spawn(process.execPath, [entry], { env: all, stdio: ['ignore', 'ignore', 'inherit'] });
    const answers = () =>
      operations.getProgress({}).then(
        () => true,
        () => false,
      );
    await waitFor('validate to answer', answers, { withinMs: 60_000 });
    return child;
  };
  let child = await start();
  const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
    child.kill(signal);
    await once(child, 'exit');
  };
  return {
    grpcAddress,
    kill: async () => {
      await end('SIGKILL');
      child = await start();
    },
    stop: async () => {
      operations.close();
      await end('SIGTERM');
    },
  };
}

async function writeSegmentFile(tables: Tables, path: string, rows: readonly JudgedRow[]): Promise<void> {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.values)))];
  const columns = names.map((name) => {
    const value = rows.map((row) => row.values[name]).find((cell) => cell !== null && cell !== undefined);
    const type = typeof value === 'number' ? 'DOUBLE' : typeof value === 'boolean' ? 'BOOLEAN' : 'VARCHAR';
    return { name, type: type as 'DOUBLE' | 'BOOLEAN' | 'VARCHAR' };
  });
  await writeRows(
    tables,
    path,
    [{ name: '_p_row_id', type: 'VARCHAR' }, { name: '_p_event_time', type: 'TIMESTAMP' }, ...columns],
    rows.map((row) => [row.rowId, row.eventTime, ...names.map((name) => row.values[name] ?? null)]),
  );
}
