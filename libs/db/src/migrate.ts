import { readdir, readFile } from 'node:fs/promises';
import { digestOf, invalid } from '@perennial/kernel';
import type pg from 'pg';
import type { Database } from './database.js';

const filePattern = /^\d{4}_[a-z0-9_]+\.sql$/;

interface Migration {
  readonly name: string;
  readonly text: string;
  readonly digest: string;
}

/**
 * Applies the files `NNNN_name.sql` of a folder that were not yet, in order, each in its own transaction, and returns
 * their names. Several folders may be applied to one schema, each as a set of its own. Processes may race: one applies,
 * the others find it done. Migrations go forward only, and what is applied never changes.
 *
 * @throws PlatformError MIGRATION_INVALID, MIGRATION_CHANGED
 */
export async function migrate(database: Database, folder: URL, set = 'service'): Promise<string[]> {
  const migrations = await readMigrations(folder);
  await inTransaction(database, (client) =>
    client.query(`create table if not exists _migration (
      set_name text not null, name text not null, digest text not null, applied_at timestamptz not null default now(),
      primary key (set_name, name))`),
  );
  const applied: string[] = [];
  for (const migration of migrations) {
    if (await inTransaction(database, (client) => apply(client, set, migration)))
      applied.push(migration.name);
  }
  return applied;
}

async function readMigrations(folder: URL): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  const misnamed = names.find((name) => !filePattern.test(name));
  if (misnamed) throw invalid('MIGRATION_INVALID', `migration ${misnamed}: call it NNNN_name.sql`);
  const numbers = names.map((name) => name.slice(0, 4));
  const twice = numbers.find((number, index) => numbers.indexOf(number) !== index);
  if (twice)
    throw invalid('MIGRATION_INVALID', `two migrations have the number ${twice}; renumber the later one`);
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(
        new URL(name, folder.href.endsWith('/') ? folder : `${folder.href}/`),
        'utf8',
      );
      return { name, text, digest: digestOf(text) };
    }),
  );
}

async function apply(
  client: pg.PoolClient,
  set: string,
  { name, text, digest }: Migration,
): Promise<boolean> {
  const { rows } = await client.query<{ digest: string }>(
    'select digest from _migration where set_name = $1 and name = $2',
    [set, name],
  );
  const known = rows[0];
  if (known) {
    if (known.digest === digest) return false;
    throw invalid(
      'MIGRATION_CHANGED',
      `migration ${name} was changed after it had been applied; restore it and add a new file instead`,
    );
  }
  await client.query(text);
  await client.query('insert into _migration (set_name, name, digest) values ($1, $2, $3)', [
    set,
    name,
    digest,
  ]);
  return true;
}

/** Under a lock that only migrations of this schema take, so that those who start together wait for each other. */
async function inTransaction<T>(database: Database, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock(hashtext($1))', [`migrate ${database.schema}`]);
    const result = await work(client);
    await client.query('commit');
    client.release();
    return result;
  } catch (error) {
    // Closing the connection rolls back, also where it is broken already.
    client.release(true);
    throw error;
  }
}
