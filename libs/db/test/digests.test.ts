import { type Database, digestsInTables, openDatabase } from '@perennial/db';
import { type DatabaseForTests, postgresForTests } from '@perennial/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

const digest = (sign: string) => `sha256:${sign.repeat(64)}`;

let server: DatabaseForTests;
let database: Database;
beforeAll(async () => {
  server = await (await postgresForTests()).createDatabase();
  database = await openDatabase({ url: server.url, schema: 'house' });
  await sql`create table thing (name text, form jsonb, body bytea, list text[], n integer, spoken varchar(200))`.execute(
    database.db,
  );
});
afterAll(async () => {
  await database?.close();
  await server?.drop();
});

test('a digest is found in text, JSON, bytes and lists, wherever it stands in them, and once', async () => {
  const body = Buffer.from(`\u0000{"é":"${digest('c')}"}`);
  await sql`insert into thing values (
    ${`two: ${digest('a')} and ${digest('b')}`},
    ${JSON.stringify({ deep: [{ er: digest('a') }] })},
    ${body}, ${['x', digest('d')]}, 7, ${digest('e')})`.execute(database.db);
  await sql`insert into thing (name) values (${digest('a')}), ('sha256:short'), (null)`.execute(database.db);
  const found: Record<string, string[]> = {};
  for await (const { column, digests } of digestsInTables(database.db)) found[column] = digests.sort();
  expect(found).toEqual({
    'thing.body': [digest('c')],
    'thing.form': [digest('a')],
    'thing.list': [digest('d')],
    'thing.name': [digest('a'), digest('b')],
    'thing.spoken': [digest('e')],
  });
});

test('a column that only mentions artifacts is passed over', async () => {
  const columns: string[] = [];
  for await (const { column } of digestsInTables(database.db, ['thing.name', 'thing.body']))
    columns.push(column);
  expect(columns).toEqual(['thing.form', 'thing.list', 'thing.spoken']);
});
