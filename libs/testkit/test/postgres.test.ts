import pg from 'pg';
import { expect, test } from 'vitest';
import { postgresForTests } from '../src/mod.js';

async function rowsOf(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test('each database is fresh, UTF-8 in byte order, and gone after drop', async () => {
  const postgres = await postgresForTests();
  const one = await postgres.createDatabase();
  const two = await postgres.createDatabase();
  await rowsOf(one.url, 'create table rows (id int)');
  expect(await rowsOf(two.url, "select to_regclass('rows') as found")).toEqual([{ found: null }]);
  const encoding =
    'select pg_encoding_to_char(encoding) as encoding, datcollate from pg_database where datname = current_database()';
  expect(await rowsOf(one.url, encoding)).toEqual([{ encoding: 'UTF8', datcollate: 'C.UTF-8' }]);
  await one.drop();
  await expect(rowsOf(one.url, 'select 1')).rejects.toThrow('does not exist');
  await two.drop();
});
