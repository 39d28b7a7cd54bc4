import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type ArtifactStore, openArtifacts } from '@perennial/artifacts';
import { handler } from '@perennial/bus';
import {
  type DatasetMaterialized,
  type DatasetRefused,
  events,
  FeatureService,
  type LeakSuspected,
  OperationsService,
  SegmentKind,
} from '@perennial/contracts';
import { uuidv7 } from '@perennial/kernel';
import { type Client, createClient, type Frame, type RunningService, startService } from '@perennial/service';
import { canonicalSystem, parseSystem, systemDigest } from '@perennial/spec';
import { type Cell, type ColumnSpec, openTables, type Tables, writeRows } from '@perennial/tables';
import { postgresForTests, startNats, tempDir, waitFor } from '@perennial/testkit';
import { build } from '../src/build.js';
import { settings } from '../src/config.js';

export type Row = Record<string, Cell>;
export type Rows = { id: string; time: string; values: Row }[];

/** featurize on real servers, with another service that tells it facts and hears its own. */
export class House {
  readonly made: DatasetMaterialized[] = [];
  readonly refused: DatasetRefused[] = [];
  readonly leaks: LeakSuspected[] = [];
  #teller: Frame<Record<string, never>> | undefined;
  #stops: (() => Promise<void>)[] = [];
  #service: RunningService | undefined;
  features!: Client<typeof FeatureService> & { close(): void };
  operations!: Client<typeof OperationsService> & { close(): void };
  artifacts!: ArtifactStore;
  tables!: Tables;
  readonly dir = tempDir('featurize');
  #env: NodeJS.ProcessEnv = {};

  static async open(): Promise<House> {
    const house = new House();
    const [nats, database] = await Promise.all([
      startNats(),
      postgresForTests().then((postgres) => postgres.createDatabase()),
    ]);
    house.artifacts = await openArtifacts({ url: pathToFileURL(path.join(house.dir, 'artifacts')).href });
    house.tables = await openTables({});
    house.#env = {
      NATS_URL: nats.url,
      DATABASE_URL: database.url,
      LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'error',
    };
    const teller = await house.#startTeller();
    await house.start();
    house.#stops = [
      () => house.stop(),
      () => teller.stop(),
      () => house.tables.close(),
      () => nats.stop(),
      () => database.drop(),
    ];
    return house;
  }

  async close(): Promise<void> {
    for (const stop of this.#stops) await stop();
  }

  async start(): Promise<void> {
    this.#service = await startService(
      {
        name: 'featurize',
        settings,
        migrations: new URL('../migrations/', import.meta.url),
        build: (frame) => build(frame, this.artifacts),
      },
      { env: this.#env },
    );
    this.features = createClient(FeatureService, this.#service.grpcAddress);
    this.operations = createClient(OperationsService, this.#service.grpcAddress);
  }

  async stop(): Promise<void> {
    this.features.close();
    this.operations.close();
    await this.#service?.stop();
  }

  async #startTeller(): Promise<RunningService> {
    const migrations = path.join(this.dir, 'none');
    mkdirSync(migrations, { recursive: true });
    return startService(
      {
        name: 'teller',
        settings: {} as Record<string, never>,
        migrations: pathToFileURL(`${migrations}/`),
        build: (frame) => {
          this.#teller = frame;
          return {
            handlers: [
              handler({
                consumer: 'teller-made',
                event: events.datasetMaterialized,
                pace: 'fast',
                handle: async ({ event }) => void this.made.push(event.body),
              }),
              handler({
                consumer: 'teller-refused',
                event: events.datasetRefused,
                pace: 'fast',
                handle: async ({ event }) => void this.refused.push(event.body),
              }),
              handler({
                consumer: 'teller-leaks',
                event: events.leakSuspected,
                pace: 'fast',
                handle: async ({ event }) => void this.leaks.push(event.body),
              }),
            ],
          };
        },
      },
      { env: this.#env },
    );
  }

  #tell(work: Parameters<Frame<Record<string, never>>['transact']>[0]): Promise<unknown> {
    return (this.#teller as Frame<Record<string, never>>).transact(work);
  }

  async apply(yaml: string, version = 1): Promise<void> {
    const system = parseSystem(yaml);
    await this.#tell((_, emitFor) =>
      emitFor()(events.systemApplied, system.name, {
        system: system.name,
        version,
        specDigest: systemDigest(system),
        specJson: canonicalSystem(system),
        appliedBy: 'test',
      }),
    );
  }

  async request(system: string, { systemVersion = 1 } = {}): Promise<string> {
    const rolloutId = uuidv7();
    await this.#tell((_, emitFor) =>
      emitFor()(events.rolloutRequested, rolloutId, {
        rolloutId,
        system,
        systemVersion,
        champion: { version: 3, digest: 'sha256:champion' },
      }),
    );
    return rolloutId;
  }

  /** Writes a segment file and says how it would be told. */
  async segment(
    source: string,
    kind: 'rows' | 'labels',
    rows: Rows,
    { repairId = '', recordedEventId = '' } = {},
  ) {
    const names = [...new Set(rows.flatMap(({ values }) => Object.keys(values)))];
    const typeOf = (name: string) => {
      const known = rows
        .map(({ values }) => values[name])
        .find((cell) => cell !== null && cell !== undefined);
      return typeof known === 'number' ? 'DOUBLE' : typeof known === 'boolean' ? 'BOOLEAN' : 'VARCHAR';
    };
    const columns: ColumnSpec[] = [
      { name: '_p_row_id', type: 'VARCHAR' },
      { name: '_p_event_time', type: 'TIMESTAMP' },
      ...names.map((name): ColumnSpec => ({ name, type: typeOf(name) })),
    ];
    const file = path.join(this.dir, `${uuidv7()}.parquet`);
    const cells = rows.map(({ id, time, values }) => [
      id,
      Date.parse(time),
      ...names.map((name) => values[name] ?? null),
    ]);
    await writeRows(this.tables, file, columns, cells);
    const times = rows.map(({ time }) => Date.parse(time));
    return {
      segmentId: uuidv7(),
      source,
      kind: kind === 'rows' ? SegmentKind.ROWS : SegmentKind.LABELS,
      producer: 'desk',
      digest: (await this.artifacts.putFile(file)).digest as string,
      rows: rows.length,
      eventTimeMin: timestampFromMs(times.reduce((a, b) => Math.min(a, b))),
      eventTimeMax: timestampFromMs(times.reduce((a, b) => Math.max(a, b))),
      schemaVersion: 1,
      repairId,
      recordedEventId,
    };
  }

  async verified(...segments: Awaited<ReturnType<House['segment']>>[]): Promise<void> {
    for (const segment of segments) {
      await this.#tell((_, emitFor) => emitFor()(events.segmentVerified, segment.segmentId, segment));
    }
  }

  /** Until the service has applied so many rows and labels of a source, and has no work left. */
  async settled(source: string, wanted: { rows: number; labels?: number }): Promise<void> {
    await waitFor(`${JSON.stringify(wanted)} of ${source}`, async () => {
      const progress = await this.operations.getProgress({});
      const rowsOf = (name: string) =>
        Number(progress.watermarks.find((mark) => mark.source === name)?.rows ?? 0);
      return (
        rowsOf(source) === wanted.rows &&
        rowsOf(`${source}/labels`) === (wanted.labels ?? 0) &&
        progress.outboxUnpublished === 0 &&
        progress.work.every(({ count }) => count === 0) &&
        progress.consumers.every(({ pending, unacknowledged }) => pending === 0n && unacknowledged === 0)
      );
    });
  }

  /** Looks into the service's tables. */
  async query<R extends object>(text: string): Promise<{ rows: R[] }> {
    return (this.#teller as Frame<Record<string, never>>).database.pool.query<R>(text);
  }

  async rowsOf(digest: string): Promise<Record<string, Cell>[]> {
    const file = await this.artifacts.localFile(digest as `sha256:${string}`);
    return this.tables.rows('select * from read_parquet($file) order by _p_event_time, _p_row_id', { file });
  }

  async exported(system: string): Promise<Record<string, Cell>[]> {
    const span = { from: timestampFromMs(0), to: timestampFromMs(Date.parse('2100-01-01')) };
    return this.rowsOf((await this.features.exportFeatures({ system, ...span })).digest);
  }

  /** The online features of rows, as plain objects. */
  async online(system: string, rows: Row[]): Promise<Record<string, unknown>[]> {
    const answer = await this.features.getOnline({ system, rows });
    return answer.rows.map((row) => row.features as Record<string, unknown>);
  }
}

export function exampleYaml(name: string): string {
  return readFileSync(new URL(`../../../examples/${name}/system.yaml`, import.meta.url), 'utf8');
}

/** The folder of vega-datasets, which an example depends on. */
function vegaData(example: string): string {
  const dependent = createRequire(new URL(`../../../examples/${example}/package.json`, import.meta.url));
  return path.join(path.dirname(dependent.resolve('vega-datasets')), '../data');
}

/** Real flights from the beginning of 2001, in order of time. */
export async function firstFlights(tables: Tables, count: number): Promise<Row[]> {
  const file = path.join(vegaData('late-flights'), 'flights-3m.parquet');
  const rows = await tables.rows(
    `select strftime(date, '%Y-%m-%dT%H:%M:%SZ') as date, delay::double as delay, distance::double as distance, origin,
     destination from read_parquet($file) order by date, origin, destination, delay limit ${count}`,
    { file },
  );
  return rows;
}

/** The first days of Seattle's weather, from the package that the example depends on. */
export function seattleDays(count: number): Row[] {
  const file = path.join(vegaData('seattle-temperature'), 'seattle-weather.csv');
  const [header = '', ...lines] = readFileSync(file, 'utf8').trim().split(/\r?\n/);
  return lines.slice(0, count).map((line) => {
    const cells = line.split(',');
    return Object.fromEntries(
      header.split(',').map((name, index) => {
        const cell = cells[index] ?? '';
        return [name, Number.isNaN(Number(cell)) ? cell : Number(cell)];
      }),
    );
  });
}
