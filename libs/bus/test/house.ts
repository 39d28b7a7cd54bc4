import { events } from '@perennial/contracts';
import { type Database, migrate, openDatabase, transact } from '@perennial/db';
import { systemClock } from '@perennial/kernel';
import { type DatabaseForTests, type NatsForTests, postgresForTests, startNats } from '@perennial/testkit';
import { sql } from 'kysely';
import {
  type Bus,
  type BusWork,
  busMigrations,
  connectBus,
  emitterFor,
  ensureStreams,
  type Handler,
  type Log,
  startBusWork,
} from '../src/mod.js';

export interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

/** A bus, a database and the means to run services on them. */
export interface House {
  readonly nats: NatsForTests;
  readonly bus: Bus;
  readonly url: string;
  readonly lines: Line[];
  open(schema: string): Promise<Database>;
  start(
    database: Database,
    handlers: readonly Handler[],
    options?: Partial<Parameters<typeof startBusWork>[0]>,
  ): Promise<BusWork>;
  close(): Promise<void>;
}

export async function openHouse({ databaseUrl }: { databaseUrl?: string } = {}): Promise<House> {
  const nats = await startNats();
  const bus = await connectBus({ url: nats.url, name: 'test' });
  await ensureStreams(bus);
  let forTests: DatabaseForTests | undefined;
  if (!databaseUrl) forTests = await (await postgresForTests()).createDatabase();
  const url = databaseUrl ?? (forTests as DatabaseForTests).url;
  const lines: Line[] = [];
  const databases: Database[] = [];
  const works: BusWork[] = [];
  return {
    nats,
    bus,
    url,
    lines,
    open: async (schema) => {
      const database = await openDatabase({ url, schema });
      databases.push(database);
      await migrate(database, busMigrations, 'bus');
      await sql`create table if not exists seen (id text, note text, at bigserial)`.execute(database.db);
      return database;
    },
    start: async (database, handlers, options = {}) => {
      const base = { bus, database, service: database.schema, tenant: 'default', clock: systemClock };
      const work = await startBusWork({ ...base, handlers, log: logInto(lines), ...options });
      works.push(work);
      return work;
    },
    close: async () => {
      await Promise.all(works.map((work) => work.stop()));
      await bus.close();
      for (const database of databases) await database.close();
      await nats.stop();
      await forTests?.drop();
    },
  };
}

function logInto(lines: Line[]): Log {
  const at =
    (level: string) =>
    (message: string, fields: Record<string, unknown> = {}) => {
      lines.push({ level, message, fields });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Tells one alert in a transaction of its own. */
export function tellAlert(
  database: Database,
  alertId: string,
  body: { readonly text?: string } = {},
): Promise<void> {
  return transact(database.db, (tx) =>
    emitterFor(tx, { tenant: 'default', service: database.schema, clock: systemClock })(
      events.alertRaised,
      alertId,
      {
        alertId,
        text: 'look',
        ...body,
      },
    ),
  );
}

/** What handlers wrote into `seen`, in the order of the commits' writes. */
export async function seen(database: Database): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`select id from seen order by at`.execute(database.db);
  return rows.map(({ id }) => id);
}

export async function count(database: Database, query: string): Promise<number> {
  const { rows } = await sql<{ count: string }>`select count(*) from ${sql.raw(query)}`.execute(database.db);
  return Number(rows[0]?.count);
}
