import { readFileSync } from 'node:fs';
import { invalid, PlatformError, unavailable } from '@perennial/kernel';
import { Kysely, PostgresDialect, type Transaction } from 'kysely';
import pg from 'pg';
import { isTransient } from './transient.js';

// biome-ignore lint/suspicious/noExplicitAny: each service has its own tables and casts to them
export type AnyDb = Kysely<any>;
// biome-ignore lint/suspicious/noExplicitAny: each service has its own tables and casts to them
export type Tx = Transaction<any>;

export interface Database {
  readonly db: AnyDb;
  readonly pool: pg.Pool;
  readonly schema: string;
  /** With the password; for connections beside the pool. */
  readonly url: string;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  /** Holds the password, where the URL has none. */
  readonly passwordFile?: string | undefined;
  /** The one schema of the service; made when absent. */
  readonly schema: string;
  readonly maxConnections?: number | undefined;
  /** How the connections are called in pg_stat_activity; the schema's name when left out. */
  readonly name?: string | undefined;
  /** Told of connections that broke while nobody used them; the next query opens new ones. */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** Nine services of eight fit into the 100 that PostgreSQL allows by default. */
const maxConnectionsDefault = 8;
/** A server that just starts recovers its log first; containers start in any order. */
const waitMsMax = 60_000;
const waitStepMs = 250;
/** For a connection, or for one of the pool to become free. */
const connectTimeoutMs = 30_000;
/** Idle connections cost PostgreSQL memory, up to 10 MB each. */
const idleTimeoutMs = 60_000;
/** The oldest release that is still looked after. */
const serverVersionMin = 150_000;

const schemaPattern = /^[a-z][a-z0-9_]{0,62}$/;

/**
 * Connects to the service's own schema, and makes it when absent. Waits up to a minute for a server that is not there
 * yet. A broken connection, and a server that was killed, show as errors of the queries in flight alone.
 *
 * @throws PlatformError DATABASE_SETTINGS, DATABASE_UNAVAILABLE, DATABASE_REFUSED, DATABASE_TOO_OLD
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { schema } = options;
  if (!schemaPattern.test(schema)) {
    throw invalid(
      'DATABASE_SETTINGS',
      `schema: "${schema}" must be a-z, 0-9 and "_", beginning with a letter`,
    );
  }
  const url = withPassword(options);
  const pool = new pg.Pool({
    connectionString: url,
    max: options.maxConnections ?? maxConnectionsDefault,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: idleTimeoutMs,
    keepAlive: true,
    application_name: options.name ?? schema,
    options: `-c search_path=${schema}`,
  });
  const report = options.onError ?? (() => {});
  pool.on('error', report);
  // A client that breaks while it is lent out raises an error of its own beside that of its query.
  pool.on('connect', (client) => client.on('error', report));
  try {
    await untilReady(pool, schema);
  } catch (error) {
    await pool.end();
    throw error;
  }
  const db: AnyDb = new Kysely({ dialect: new PostgresDialect({ pool }) });
  return { db, pool, schema, url, close: () => db.destroy() };
}

function withPassword({ url, passwordFile }: DatabaseOptions): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw invalid('DATABASE_SETTINGS', 'DATABASE_URL: write postgres://user@host:port/database');
  }
  if (passwordFile && !parsed.password) {
    try {
      parsed.password = encodeURIComponent(readFileSync(passwordFile, 'utf8').trim());
    } catch (cause) {
      throw invalid('DATABASE_SETTINGS', `DATABASE_PASSWORD_FILE: ${passwordFile} cannot be read`, { cause });
    }
  }
  return parsed.toString();
}

async function untilReady(pool: pg.Pool, schema: string): Promise<void> {
  const deadline = performance.now() + waitMsMax;
  for (;;) {
    try {
      return await prepare(pool, schema);
    } catch (error) {
      if (error instanceof PlatformError) throw error;
      const reason = error instanceof Error ? error.message || error.constructor.name : String(error);
      if (!isTransient(error)) {
        throw invalid(
          'DATABASE_REFUSED',
          `PostgreSQL refused us: ${reason}; look at DATABASE_URL and the password`,
          {
            cause: error,
          },
        );
      }
      if (performance.now() > deadline) {
        throw unavailable(
          'DATABASE_UNAVAILABLE',
          `PostgreSQL did not answer for ${waitMsMax / 1000} s (${reason}); start it, or look at DATABASE_URL`,
          { cause: error },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, waitStepMs));
    }
  }
}

async function prepare(pool: pg.Pool, schema: string): Promise<void> {
  const version = await pool.query<{ server_version_num: string }>('show server_version_num');
  if (Number(version.rows[0]?.server_version_num) < serverVersionMin) {
    throw invalid('DATABASE_TOO_OLD', 'PostgreSQL 15 or newer is needed; DATABASE_URL leads to an older one');
  }
  const found = await pool.query('select 1 from pg_namespace where nspname = $1', [schema]);
  if (found.rowCount) return;
  // "if not exists" alone lets two that race fail with a duplicate key. Both statements are one implicit transaction.
  await pool.query(
    `select pg_advisory_xact_lock(hashtext('perennial schema')); ` +
      `create schema if not exists ${pg.escapeIdentifier(schema)}`,
  );
}
