import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { writePrivateFile } from '../private-file.js';
import type { Program } from '../program.js';
import type { NatsAuth } from './nats-auth.js';
import { findNatsServer } from './nats-binary.js';

export interface NatsOptions {
  /** Configuration and streams live here. */
  readonly dir: string;
  readonly port: number;
  /** Without it everybody on loopback may do everything; for tests. */
  readonly auth?: NatsAuth;
  readonly report?: (line: string) => void;
}

export interface NatsProgram extends Program {
  readonly url: string;
}

/**
 * A real nats-server with JetStream on loopback, as a program to launch. Messages up to 8 MB (the default is 1 MB):
 * a batch of rows must fit.
 *
 * @throws PlatformError NATS_SERVER_MISSING
 */
export async function natsProgram(options: NatsOptions): Promise<NatsProgram> {
  const command = await findNatsServer(options.report ?? (() => {}));
  mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  const configFile = path.join(options.dir, 'nats-server.conf');
  writePrivateFile(configFile, configuration(options));
  return {
    name: 'nats',
    url: `nats://127.0.0.1:${options.port}`,
    command,
    args: ['--config', configFile],
    env: { PATH: process.env['PATH'] },
    stopSignal: 'SIGTERM',
    stopWithinMs: 5_000,
    isReady: () => greets(options.port),
  };
}

function configuration({ dir, port, auth }: NatsOptions): string {
  const lines = [
    'server_name: perennial',
    `listen: "127.0.0.1:${port}"`,
    'max_payload: 8MB',
    // Room for the claim-check bodies and batches that a slow consumer may have in flight.
    'max_pending: 64MB',
    `jetstream { store_dir: ${JSON.stringify(path.join(dir, 'streams'))} }`,
  ];
  if (auth !== undefined) {
    lines.push(
      `operator: ${JSON.stringify(auth.operatorJwt)}`,
      `system_account: ${auth.systemAccount}`,
      'resolver: MEMORY',
      'resolver_preload {',
      ...Object.entries(auth.accounts).map(([key, jwt]) => `  ${key}: ${JSON.stringify(jwt)}`),
      '}',
    );
  }
  return `${lines.join('\n')}\n`;
}

/** The server speaks first; it listens to clients only once JetStream has recovered its streams. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const answer = (isGreeted: boolean) => {
      socket.destroy();
      resolve(isGreeted);
    };
    socket.setTimeout(1_000, () => answer(false));
    socket.once('data', (data) => answer(data.toString('latin1').startsWith('INFO ')));
    socket.once('error', () => answer(false));
    socket.once('close', () => answer(false));
  });
}
