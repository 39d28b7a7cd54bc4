import { type Database, eraseRows, openDatabase } from '@perennial/db';
import { type DatabaseForTests, postgresForTests } from '@perennial/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

let server: DatabaseForTests;
let database: Database;
beforeAll(async () => {
  server = await (await postgresForTests()).createDatabase();
  database = await openDatabase({ url: server.url, schema: 'house' });
  const { db } = database;
  await sql`create table recent (source text, row_id text, cells jsonb)`.execute(db);
  await sql`create table online (row_key text, number double precision)`.execute(db);
  await sql`create table taken (row_id text)`.execute(db);
  await sql`create table plain (passenger text, profile jsonb)`.execute(db);
  await sql`insert into recent values
    ('flights', 'a', '{"passenger": 123, "fare": 1}'), ('flights', 'b', '{"passenger": 1234}'),
    ('flights', 'c', '{"fare": 123}'), ('flights', 'd', '{"deep": [{"passenger": "123"}]}'),
    ('flights', 'e', '[{"passenger": null}]'), ('meters', 'a', '{}'), ('flights', 'f', '3')`.execute(db);
  await sql`insert into online values ('a', 1), ('b', 2)`.execute(db);
  await sql`insert into taken values ('a')`.execute(db);
  await sql`insert into plain values ('123', '{"missing": {"passenger": 123}}')`.execute(db);
});
afterAll(async () => {
  await database?.close();
  await server?.drop();
});

const ids = async (table: string, column: string) =>
  (
    await sql<{ id: string }>`select ${sql.ref(column)} as id from ${sql.table(table)} order by 1`.execute(
      database.db,
    )
  ).rows.map(({ id }) => id);

test('rows go by their id and by what their JSON says, of one source, and nothing else goes', async () => {
  const key = { tenant: 'default', column: 'passenger', value: '123', rowIds: ['a'], source: 'flights' };
  const dry = await eraseRows(database.db, { ...key, isDryRun: true }, ['taken']);
  expect(dry).toEqual([
    { table: 'online', rows: 1 },
    { table: 'recent', rows: 2 },
  ]);
  expect(await ids('recent', 'row_id')).toHaveLength(7);
  expect(await eraseRows(database.db, { ...key, isDryRun: false }, ['taken'])).toEqual(dry);
  expect(await ids('recent', 'row_id')).toEqual(['a', 'b', 'c', 'e', 'f']);
  expect(await ids('online', 'row_key')).toEqual(['b']);
  expect(await ids('taken', 'row_id')).toEqual(['a']);
  expect(await ids('plain', 'passenger')).toEqual(['123']);
  expect(await eraseRows(database.db, { ...key, isDryRun: false }, ['taken'])).toEqual([]);
});

test('a value that is no number, and a name with signs in it, are taken as they are', async () => {
  await sql`insert into recent values ('flights', 'x', ${JSON.stringify({ 'na"me $.a': "O'Hara" })})`.execute(
    database.db,
  );
  const key = {
    tenant: 'default',
    column: 'na"me $.a',
    value: "O'Hara",
    rowIds: [],
    source: '',
    isDryRun: false,
  };
  expect(await eraseRows(database.db, key, [])).toEqual([{ table: 'recent', rows: 1 }]);
});
