import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import {
  type BusWork,
  busMigrations,
  connectBus,
  decodeEvent,
  type Emitter,
  emitterFor,
  ensureStreams,
  follow,
  type Log,
  type ReceivedEvent,
  startBusWork,
} from '@perennial/bus';
import { TrainerService } from '@perennial/contracts';
import { migrate, openDatabase, transact } from '@perennial/db';
import { systemClock } from '@perennial/kernel';
import { createClient } from '@perennial/service';
import { freePort, postgresForTests, startNats, waitFor } from '@perennial/testkit';

/** Servers, a trainer as a process of its own, somebody who tells it events, and all that it tells. */
export interface House {
  readonly databaseUrl: string;
  /** Every event of the TRAINING stream so far. */
  readonly told: ReceivedEvent<unknown>[];
  readonly client: ReturnType<typeof createClient<typeof TrainerService>>;
  tell(work: (emit: Emitter) => Promise<void>): Promise<void>;
  startTrainer(): Promise<void>;
  /** Returns when the process is gone. */
  killTrainer(signal: NodeJS.Signals): Promise<number | null>;
  close(): Promise<void>;
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
const mainFile = fileURLToPath(new URL('../dist/main.js', import.meta.url));

export async function openHouse(artifactsUrl: string): Promise<House> {
  const nats = await startNats();
  const forTests = await (await postgresForTests()).createDatabase();
  const bus = await connectBus({ url: nats.url, name: 'test' });
  await ensureStreams(bus);
  const database = await openDatabase({ url: forTests.url, schema: 'others', maxConnections: 3 });
  await migrate(database, busMigrations, 'bus');
  const common = { bus, database, tenant: 'default', service: 'others', clock: systemClock };
  const work: BusWork = await startBusWork({ ...common, handlers: [], log: silent });

  const following = new AbortController();
  const told: ReceivedEvent<unknown>[] = [];
  follow(bus, {
    stream: 'TRAINING',
    filter: 'evt.>',
    from: 'all',
    signal: following.signal,
    onMessage: (message) => {
      const event = decodeEvent(message);
      if (event) told.push(event);
    },
  });

  const grpc = `127.0.0.1:${await freePort()}`;
  const ops = `127.0.0.1:${await freePort()}`;
  const client = createClient(TrainerService, grpc);
  let trainer: ChildProcess | undefined;
  let output = '';
  const startTrainer = async () => {
    trainer = spawn(process.execPath, [mainFile], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        NATS_URL: nats.url,
        DATABASE_URL: forTests.url,
        ARTIFACTS_URL: artifactsUrl,
        PERENNIAL_GRPC_LISTEN: grpc,
        PERENNIAL_OPS_LISTEN: ops,
        PERENNIAL_LEASE_MS: '1000',
        PERENNIAL_POLL_MS: '50',
      },
    });
    for (const stream of [trainer.stdout, trainer.stderr])
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    const isReady = async () => {
      if (trainer?.exitCode !== null) throw new Error(`the trainer ended: ${output}`);
      return (await fetch(`http://${ops}/readyz`).catch(() => undefined))?.ok;
    };
    await waitFor('the trainer to be ready', isReady);
  };
  const killTrainer = async (signal: NodeJS.Signals) => {
    if (!trainer || trainer.exitCode !== null || trainer.signalCode !== null) return null;
    const exited = once(trainer, 'exit');
    trainer.kill(signal);
    return ((await exited) as [number | null])[0];
  };
  return {
    databaseUrl: forTests.url,
    told,
    client,
    tell: async (tell) => {
      await transact(database.db, (tx) => tell(emitterFor(tx, common)));
      work.wakeRelay();
    },
    startTrainer,
    killTrainer,
    close: async () => {
      await killTrainer('SIGKILL');
      client.close();
      following.abort();
      await work.stop();
      await database.close();
      await bus.close();
      await nats.stop();
      await forTests.drop();
    },
  };
}
