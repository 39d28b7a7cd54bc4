import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import pg from 'pg';
import { type PostgresAddress, postgresBrokerVariable } from './run-servers.js';

export interface DatabaseForTests {
  readonly name: string;
  /** With the password, ready for any client. */
  readonly url: string;
  /** Without the password, for settings that take it from `passwordFile`. */
  readonly urlWithoutPassword: string;
  readonly passwordFile: string;
  /** Ends every connection to it and drops it. */
  drop(): Promise<void>;
}

export interface PostgresForTests {
  /** A fresh, empty database; call `drop()` in `afterAll`. */
  createDatabase(): Promise<DatabaseForTests>;
}

/** The one PostgreSQL of the test run; started when the first test file asks. */
export async function postgresForTests(): Promise<PostgresForTests> {
  const address = await askBroker();
  return { createDatabase: () => createDatabase(address) };
}

function askBroker(): Promise<PostgresAddress> {
  const port = process.env[postgresBrokerVariable];
  if (port === undefined) {
    throw new Error(
      'postgresForTests: run under vitest from the root, whose global setup starts the servers',
    );
  }
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1');
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('end', () => {
      const answer = JSON.parse(text) as PostgresAddress & { error?: string };
      if (answer.error === undefined) resolve(answer);
      else reject(new Error(answer.error));
    });
  });
}

async function createDatabase(address: PostgresAddress): Promise<DatabaseForTests> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await statement(address, `create database ${name}`);
  const url = new URL(address.url);
  url.pathname = `/${name}`;
  const urlWithoutPassword = url.toString();
  url.password = address.password;
  return {
    name,
    url: url.toString(),
    urlWithoutPassword,
    passwordFile: address.passwordFile,
    drop: () => statement(address, `drop database if exists ${name} with (force)`),
  };
}

async function statement(address: PostgresAddress, sql: string): Promise<void> {
  const url = new URL(address.url);
  url.pathname = '/postgres';
  url.password = address.password;
  const client = new pg.Client({ connectionString: url.toString() });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
