import pg from 'pg';
import type { Database } from './database.js';

/** Long enough not to hammer a server that starts, short enough to be heard soon after. */
const reconnectMs = 250;

/**
 * Calls `heard` on each NOTIFY on the channel, and each time the listening begins (again): what was told in between is
 * lost, so whoever listens looks for himself then. Holds one connection beside the pool until the signal aborts.
 */
export async function listen(
  database: Database,
  { channel, heard, signal }: { channel: string; heard: () => void; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    await listenOnce(database, channel, heard, signal).catch(() => {});
    if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, reconnectMs));
  }
}

async function listenOnce(
  database: Database,
  channel: string,
  heard: () => void,
  signal: AbortSignal,
): Promise<void> {
  const client = new pg.Client({
    connectionString: database.url,
    application_name: `${database.schema} listen`,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  const ended = new Promise<void>((resolve) => {
    client.once('end', resolve);
    client.on('error', () => resolve());
  });
  const stop = () => void client.end().catch(() => {});
  try {
    await client.connect();
    client.on('notification', heard);
    await client.query(`listen ${pg.escapeIdentifier(channel)}`);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) return;
    heard();
    await ended;
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}
