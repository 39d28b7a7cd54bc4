import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { create, type MessageInitShape, toJsonString } from '@bufbuild/protobuf';
import { type ArtifactStore, openArtifacts } from '@perennial/artifacts';
import { type Bus, connectBus, eventHeaders, publishRaw } from '@perennial/bus';
import {
  DatasetService,
  type EventKind,
  eventSubject,
  events,
  eventType,
  IngestService,
  OperationsService,
  type PublishRowsHeaderSchema,
  SegmentKind,
} from '@perennial/contracts';
import { type AnyDb, openDatabase } from '@perennial/db';
import { type Digest, uuidv7 } from '@perennial/kernel';
import { type Client, createClient } from '@perennial/service';
import { canonicalSystem, parseSystem } from '@perennial/spec';
import { openTables, quoteText } from '@perennial/tables';
import { freePort, postgresForTests, startNats, tempDir, waitFor } from '@perennial/testkit';

const entry = fileURLToPath(new URL('../dist/main.js', import.meta.url));

export const systemYaml = (source: string) => `
apiVersion: perennial/v1
kind: System
name: forecast-${source}
source: { name: ${source}, time: date, key: [], schema: inferred }
label: { column: temp_max, task: regression, arrives: { within: 1d } }
features:
  - { name: temp_min }
train: { trainer: gbdt, on: { window: all }, resources: { pool: cpu } }
gate: { metric: mae, hold-out: { last: 14 rows }, better-than-champion: { by: 5% } }
serve: { pool: cpu, rollout: { shadow: 2 predictions, canary: [50%], step: 3 predictions } }
monitor: { window: 14 rows, drift: { false-alarms: 1 per 1000 windows }, decay: { metric: mae, worse-than: 30% } }
on-decay: retrain
risk: { class: minimal }
`;

export interface RecordedRow {
  readonly id: string;
  readonly segment: string;
  readonly kind: string;
  readonly producer: string;
  readonly cells: Record<string, unknown>;
}

export interface House {
  readonly bus: Bus;
  readonly db: AnyDb;
  readonly artifacts: ArtifactStore;
  readonly ingest: Client<typeof IngestService>;
  readonly operations: Client<typeof OperationsService>;
  readonly datasets: Client<typeof DatasetService>;
  /** SIGKILL; returns when the process is gone. */
  kill(): Promise<void>;
  start(): Promise<void>;
  tell<E extends EventKind>(
    event: E,
    aggregateId: string,
    body: MessageInitShape<E['schema']>,
  ): Promise<void>;
  apply(source: string): Promise<void>;
  /** Declares a source by its document; `more` are further lines of YAML. */
  declare(source: string, more?: string): Promise<void>;
  publish(
    content: string | Uint8Array,
    header: MessageInitShape<typeof PublishRowsHeaderSchema> & { source: string; format: string },
  ): ReturnType<Client<typeof IngestService>['publishRows']>;
  /** Every row of every recorded segment of a source, in the order of the segments. */
  rows(source: string): Promise<RecordedRow[]>;
  /** Waits until nothing is pending anywhere in the service. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

/** ingest as a process of its own, so that it can be killed, with a real bus and a real database. */
export async function openHouse(settings: Record<string, string> = {}): Promise<House> {
  const [nats, database, port] = await Promise.all([
    startNats({ withAuth: true }),
    postgresForTests().then((postgres) => postgres.createDatabase()),
    freePort(),
  ]);
  const artifactsUrl = pathToFileURL(tempDir('artifacts')).href;
  const address = `127.0.0.1:${port}`;
  const env = {
    ...process.env,
    NATS_URL: nats.url,
    NATS_CREDS_FILE: nats.auth?.servicesCredsFile ?? '',
    DATABASE_URL: database.url,
    ARTIFACTS_URL: artifactsUrl,
    PERENNIAL_TENANT: 'default',
    PERENNIAL_GRPC_LISTEN: address,
    PERENNIAL_OPS_LISTEN: `127.0.0.1:${await freePort()}`,
    PERENNIAL_NATS_PUBLIC_URL: nats.url,
    PERENNIAL_PRODUCER_SIGNING_SEED_FILE: nats.auth?.signingSeedFile ?? '',
    ...settings,
  };
  const bus = await connectBus({
    url: nats.url,
    credsFile: nats.auth?.servicesCredsFile ?? '',
    name: 'test',
  });
  const ingest = createClient(IngestService, address);
  const operations = createClient(OperationsService, address);
  const datasets = createClient(DatasetService, address);
  let child: ChildProcess | undefined;
  const start = async () => {
    child = spawn(process.execPath, [entry], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    await waitFor('ingest to answer', () =>
      operations.getProgress({}).then(
        () => true,
        () => false,
      ),
    );
  };
  const kill = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  await start();
  const data = await openDatabase({ url: database.url, schema: 'ingest', maxConnections: 2 });
  const artifacts = await openArtifacts({ url: artifactsUrl });
  const tell: House['tell'] = async (event, aggregateId, body) => {
    const id = uuidv7();
    await publishRaw(bus, {
      subject: eventSubject(event, 'default', aggregateId),
      id,
      headers: {
        [eventHeaders.id]: id,
        [eventHeaders.type]: eventType(event),
        [eventHeaders.source]: '/perennial/test',
        [eventHeaders.time]: new Date().toISOString(),
        [eventHeaders.sequence]: '1',
      },
      body: toJsonString(event.schema, create(event.schema, body)),
    });
  };
  return {
    bus,
    db: data.db,
    artifacts,
    datasets,
    ingest,
    operations,
    kill,
    start,
    tell,
    apply: (source) => {
      const specJson = canonicalSystem(parseSystem(systemYaml(source)));
      return tell(events.systemApplied, `forecast-${source}`, {
        system: `forecast-${source}`,
        version: 1,
        specJson,
      });
    },
    declare: async (source, more = 'time: date') => {
      const documentYaml = `apiVersion: perennial/v1\nkind: Source\nname: ${source}\n${more}\n`;
      await ingest.applySource({ documentYaml, appliedBy: 'somebody' });
    },
    publish: (content, given) =>
      ingest.publishRows(
        (async function* () {
          const header = { producer: 'desk', kind: SegmentKind.ROWS, ...given };
          yield { part: { case: 'header' as const, value: header } };
          const bytes = Buffer.from(content);
          for (let at = 0; at < bytes.length; at += 1 << 16) {
            yield { part: { case: 'chunk' as const, value: bytes.subarray(at, at + (1 << 16)) } };
          }
        })(),
      ),
    rows: (source) => recordedRows(data.db, artifacts, source),
    settled: () =>
      waitFor('ingest to be quiet', async () => {
        const { consumers, work, outboxUnpublished } = await operations.getProgress({});
        const open =
          outboxUnpublished +
          consumers.reduce((sum, one) => sum + Number(one.pending) + one.unacknowledged, 0) +
          work.reduce((sum, one) => sum + one.count, 0);
        return open === 0;
      }).then(() => {}),
    stop: async () => {
      await kill();
      ingest.close();
      operations.close();
      datasets.close();
      await bus.close();
      await data.close();
      await Promise.all([nats.stop(), database.drop()]);
    },
  };
}

async function recordedRows(db: AnyDb, artifacts: ArtifactStore, source: string): Promise<RecordedRow[]> {
  const segments = await db
    .selectFrom('segment')
    .select(['segment_id', 'digest', 'kind', 'producer'])
    .where('source', '=', source)
    .orderBy('recorded_at')
    .orderBy('stream_sequence_first')
    .execute();
  const tables = await openTables({});
  const all: RecordedRow[] = [];
  for (const { segment_id: segment, digest, kind, producer } of segments) {
    const path = await artifacts.localFile(digest as Digest);
    for (const { _p_row_id: id, ...cells } of await tables.rows(
      `select * from read_parquet(${quoteText(path)})`,
    )) {
      all.push({ id: String(id), segment, kind, producer, cells });
    }
  }
  await tables.close();
  return all;
}
