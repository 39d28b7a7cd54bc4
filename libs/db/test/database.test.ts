import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type DatabaseForTests,
  type OwnPostgres,
  postgresForTests,
  startPostgres,
  tempDir,
  waitFor,
} from '@perennial/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Database, isTransient, listen, migrate, openDatabase, transact } from '../src/mod.js';

let forTests: DatabaseForTests;
const opened: Database[] = [];

beforeAll(async () => {
  forTests = await (await postgresForTests()).createDatabase();
});

afterAll(async () => {
  for (const database of opened) await database.close();
  await forTests.drop();
});

async function open(schema: string, url = forTests.url): Promise<Database> {
  const database = await openDatabase({ url, schema, maxConnections: 4 });
  opened.push(database);
  return database;
}

function folderOf(files: Record<string, string>): URL {
  const folder = tempDir('migrations');
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  return pathToFileURL(`${folder}/`);
}

test('many processes may make the same schema and apply the same migrations at once', async () => {
  const folder = folderOf({
    '0001_one.sql': 'create table one (id int); insert into one values (1);',
    '0002_two.sql': 'insert into one values (2);',
  });
  const applied = await Promise.all(
    Array.from({ length: 4 }, async () => migrate(await open('raced'), folder)),
  );
  expect(applied.flat().sort()).toEqual(['0001_one.sql', '0002_two.sql']);
  const { rows } = await sql<{ id: number }>`select id from one order by id`.execute(
    (await open('raced')).db,
  );
  expect(rows).toEqual([{ id: 1 }, { id: 2 }]);
});

test('a migration that was changed after it had been applied is refused by name', async () => {
  const database = await open('changed');
  await migrate(database, folderOf({ '0001_one.sql': 'create table one (id int)' }));
  const changed = migrate(database, folderOf({ '0001_one.sql': 'create table one (id bigint)' }));
  await expect(changed).rejects.toMatchObject({
    code: 'MIGRATION_CHANGED',
    message: expect.stringContaining('0001_one.sql'),
  });
});

test('two sets of migrations live in one schema, and a failing file leaves nothing of itself', async () => {
  const database = await open('sets');
  await migrate(database, folderOf({ '0001_one.sql': 'create table one (id int)' }), 'bus');
  const broken = folderOf({ '0001_one.sql': 'create table two (id int); select nonsense' });
  await expect(migrate(database, broken)).rejects.toThrow(/nonsense/);
  expect(await migrate(database, folderOf({ '0001_one.sql': 'create table two (id int)' }))).toEqual([
    '0001_one.sql',
  ]);
});

test('a folder with a misnamed or twice numbered file is refused', async () => {
  const database = await open('misnamed');
  await expect(migrate(database, folderOf({ 'one.sql': '' }))).rejects.toMatchObject({
    code: 'MIGRATION_INVALID',
  });
  const twice = folderOf({ '0001_a.sql': '', '0001_b.sql': '' });
  await expect(migrate(database, twice)).rejects.toMatchObject({ code: 'MIGRATION_INVALID' });
});

test('two transactions in a deadlock both commit, each as a whole', async () => {
  const database = await open('deadlock');
  await migrate(
    database,
    folderOf({
      '0001_a.sql': 'create table t (id int primary key, n int); insert into t values (1,0),(2,0)',
    }),
  );
  let runs = 0;
  let meet: () => void = () => {};
  const both = new Promise<void>((resolve) => {
    meet = resolve;
  });
  const add = (first: number, second: number) =>
    transact(database.db, async (tx) => {
      runs += 1;
      await sql`update t set n = n + 1 where id = ${first}`.execute(tx);
      if (runs === 2) meet();
      await both;
      await sql`update t set n = n + 1 where id = ${second}`.execute(tx);
    });
  await Promise.all([add(1, 2), add(2, 1)]);
  const { rows } = await sql<{ n: number }>`select n from t order by id`.execute(database.db);
  expect(rows).toEqual([{ n: 2 }, { n: 2 }]);
  expect(runs).toBe(3);
});

test('what the work throws rolls back and comes out as it was', async () => {
  const database = await open('rollback');
  await sql`create table t (id int)`.execute(database.db);
  const failing = transact(database.db, async (tx) => {
    await sql`insert into t values (1)`.execute(tx);
    throw new RangeError('mine');
  });
  await expect(failing).rejects.toThrow(RangeError);
  expect((await sql`select * from t`.execute(database.db)).rows).toEqual([]);
});

test('a wrong password and a bad schema name are refused at once', async () => {
  const url = new URL(forTests.url);
  url.password = 'wrong';
  await expect(openDatabase({ url: url.toString(), schema: 'x' })).rejects.toMatchObject({
    code: 'DATABASE_REFUSED',
  });
  await expect(openDatabase({ url: forTests.url, schema: 'x"; drop' })).rejects.toMatchObject({
    code: 'DATABASE_SETTINGS',
  });
});

test('the password comes from a file where the URL has none', async () => {
  const { urlWithoutPassword: url, passwordFile } = forTests;
  const database = await openDatabase({ url, passwordFile, schema: 'by_file' });
  opened.push(database);
  expect((await sql<{ n: number }>`select 1 as n`.execute(database.db)).rows).toEqual([{ n: 1 }]);
});

describe('a PostgreSQL that is killed', () => {
  let server: OwnPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(async () => {
    await server.stop();
  });

  test('breaks only what is in flight; the next query and the listener are back when it is', async () => {
    const errors: Error[] = [];
    const database = await openDatabase({
      url: server.url,
      schema: 'killed',
      onError: (error) => errors.push(error),
    });
    const stopping = new AbortController();
    let heard = 0;
    const listening = listen(database, { channel: 'bell', heard: () => heard++, signal: stopping.signal });
    await waitFor('the listening to begin', () => heard === 1);
    const inFlight = sql`select pg_sleep(60)`.execute(database.db).catch((error: unknown) => error);
    await waitFor('the query to run', async () => {
      const { rows } = await sql`select 1 from pg_stat_activity where query = 'select pg_sleep(60)'`.execute(
        database.db,
      );
      return rows.length > 0;
    });
    await server.kill();
    expect(isTransient(await inFlight)).toBe(true);
    // A backend outlives its postmaster until it notices, and answers meanwhile.
    const whileAway = await waitFor('PostgreSQL to be away', () =>
      sql`select 1`.execute(database.db).then(
        () => false as const,
        (error: unknown) => error,
      ),
    );
    expect(isTransient(whileAway)).toBe(true);
    await server.restart();
    await waitFor('a query to go through', () =>
      sql`select 1`.execute(database.db).then(
        () => true,
        () => false,
      ),
    );
    await waitFor('the listening to begin again', () => heard >= 2);
    const before = heard;
    await sql`select pg_notify('bell', '')`.execute(database.db);
    await waitFor('the bell', () => heard > before);
    stopping.abort();
    await listening;
    await database.close();
  });

  test('a service that starts before its PostgreSQL waits for it', async () => {
    await server.kill();
    const opening = openDatabase({ url: server.url, schema: 'early' });
    await server.restart();
    const database = await opening;
    expect((await sql`select 1`.execute(database.db)).rows).toHaveLength(1);
    await database.close();
  });
});
