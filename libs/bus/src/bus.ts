import { readFileSync } from 'node:fs';
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, credsAuthenticator, errors, type NatsConnection } from '@nats-io/transport-node';
import { servicesInbox } from '@perennial/contracts';
import { invalid, unavailable } from '@perennial/kernel';
import { type Link, linkOf } from './link.js';

export interface Bus extends Link {
  readonly connection: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  /** Sends what is still to be sent, then closes. */
  close(): Promise<void>;
}

export interface BusOptions {
  /** One or several, with commas between. */
  readonly url: string;
  readonly credsFile?: string | undefined;
  /** Shown by the server's monitoring. */
  readonly name: string;
}

/** A server that just starts recovers its streams first; containers start in any order. */
const firstConnectMsMax = 60_000;
const firstConnectStepMs = 200;
/** Short: the platform stands still while it cannot publish, and one connection costs a server nothing. */
const reconnectWaitMs = 100;
/** Finds a connection that is dead without a FIN (a paused host) in twice this. */
const pingIntervalMs = 10_000;
/** The oldest server whose rules we measured; Debian 12 has it. */
const versionMin = [2, 9, 10] as const;

/**
 * Connects to NATS and reconnects for ever. Waits up to a minute for a server that is not there yet.
 *
 * @throws PlatformError BUS_UNAVAILABLE, BUS_REFUSED, BUS_TOO_OLD, BUS_SETTINGS
 */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const connection = await firstConnection(options);
  try {
    assertVersion(connection.info?.version ?? '');
    const js = jetstream(connection);
    const jsm = await jetstreamManager(connection, { checkAPI: false });
    await untilJetStream(jsm);
    return { connection, js, jsm, ...linkOf(connection), close: () => closeConnection(connection) };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

async function firstConnection({ url, credsFile, name }: BusOptions): Promise<NatsConnection> {
  const authenticator = credsFile ? credsAuthenticator(readCredentials(credsFile)) : undefined;
  const deadline = performance.now() + firstConnectMsMax;
  for (;;) {
    try {
      return await connect({
        servers: url.split(',').map((server) => server.trim()),
        name,
        ...(authenticator && { authenticator }),
        inboxPrefix: servicesInbox,
        maxReconnectAttempts: -1,
        reconnectTimeWait: reconnectWaitMs,
        pingInterval: pingIntervalMs,
        // A server that restarts may refuse everybody for a moment, until its accounts are loaded.
        ignoreAuthErrorAbort: true,
        ignoreClusterUpdates: false,
      });
    } catch (cause) {
      if (cause instanceof errors.AuthorizationError) {
        throw invalid('BUS_REFUSED', 'NATS refused our credentials; look at NATS_CREDS_FILE', { cause });
      }
      if (performance.now() > deadline) {
        const seconds = firstConnectMsMax / 1000;
        throw unavailable(
          'BUS_UNAVAILABLE',
          `NATS did not answer for ${seconds} s; start it, or look at NATS_URL`,
          {
            cause,
          },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, firstConnectStepMs));
    }
  }
}

function readCredentials(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw invalid('BUS_SETTINGS', `NATS_CREDS_FILE: ${file} cannot be read`, { cause });
  }
}

function assertVersion(version: string): void {
  const parts = version.split(/[.-]/).map(Number);
  for (const [index, floor] of versionMin.entries()) {
    const part = parts[index] ?? 0;
    if (part > floor) return;
    if (part < floor) {
      throw invalid(
        'BUS_TOO_OLD',
        `nats-server ${version} is too old; ${versionMin.join('.')} or newer is needed`,
      );
    }
  }
}

/** In a cluster JetStream may have no leader yet; without JetStream there is no use in going on. */
async function untilJetStream(jsm: JetStreamManager): Promise<void> {
  const deadline = performance.now() + firstConnectMsMax;
  for (;;) {
    try {
      await jsm.getAccountInfo();
      return;
    } catch (cause) {
      if (performance.now() > deadline) {
        throw unavailable(
          'BUS_UNAVAILABLE',
          'JetStream does not answer; start nats-server with JetStream enabled',
          {
            cause,
          },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, firstConnectStepMs));
    }
  }
}

async function closeConnection(connection: NatsConnection): Promise<void> {
  if (connection.isClosed()) return;
  // A drain waits for a server that may be away; what is unsent then is unacknowledged and comes again.
  await Promise.race([
    connection.drain().catch(() => {}),
    new Promise((resolve) => setTimeout(resolve, 2_000).unref()),
  ]);
  await connection.close();
}
