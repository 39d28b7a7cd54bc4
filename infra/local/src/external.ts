import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { unavailable } from '@perennial/kernel';

/** A server that is started at the same time gets this long. */
const answersWithinMs = 10_000;
const retryMs = 250;

export interface ExternalServer {
  /** The setting that names it. */
  readonly setting: 'NATS_URL' | 'DATABASE_URL';
  readonly url: string;
  readonly defaultPort: number;
  readonly signal?: AbortSignal | undefined;
  readonly withinMs?: number;
}

/**
 * Waits until a server that is not ours accepts connections, so that a wrong address is one sentence and not nine
 * services that crash in turn. One of several addresses is enough; a socket in the file system is left to the services.
 *
 * @throws PlatformError EXTERNAL_SERVER_UNREACHABLE
 */
export async function untilServerAnswers(server: ExternalServer): Promise<void> {
  const addresses = addressesOf(server);
  const endsAt = performance.now() + (server.withinMs ?? answersWithinMs);
  while (addresses.length > 0) {
    const problems = await Promise.all(addresses.map(problemOf));
    if (problems.includes(undefined) || server.signal?.aborted) return;
    if (performance.now() > endsAt) {
      const where = addresses.map(({ host, port }) => `${host}:${port}`).join(', ');
      throw unavailable(
        'EXTERNAL_SERVER_UNREACHABLE',
        `${server.setting} names ${where}, where nothing answers (${problems[0]}); start that server, or unset ${server.setting} to use a server of our own`,
      );
    }
    await setTimeout(retryMs);
  }
}

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Host and port alone: the rest of an address may hold a password. */
function addressesOf({ setting, url, defaultPort }: ExternalServer): Address[] {
  const addresses: Address[] = [];
  for (const one of setting === 'NATS_URL' ? url.split(',') : [url]) {
    const text = one.trim();
    const full = text.includes('://') ? text : `nats://${text}`;
    if (!URL.canParse(full)) continue;
    const { hostname, port } = new URL(full);
    const host = hostname.replace(/^\[|\]$/g, '');
    if (host) addresses.push({ host, port: port === '' ? defaultPort : Number(port) });
  }
  return addresses;
}

/** Why no connection comes about, or undefined when it does. */
function problemOf({ host, port }: Address): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2_000 });
    const done = (problem: string | undefined) => {
      socket.destroy();
      resolve(problem);
    };
    socket.once('connect', () => done(undefined));
    socket.once('timeout', () => done('no answer in 2 s'));
    socket.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
  });
}
