import { setMaxListeners } from 'node:events';
import { type Database, listen } from '@perennial/db';
import { assert, type Clock } from '@perennial/kernel';
import type { Bus } from './bus.js';
import type { PutArtifact } from './emitter.js';
import type { Handler } from './handlers.js';
import { keepHouse } from './housekeeping.js';
import type { Log } from './log.js';
import { outboxChannel } from './outbox-channel.js';
import { type ConsumerProgressInit, progressOf } from './progress.js';
import type { GetArtifact } from './raw-message.js';
import { relayOf } from './relay.js';
import { requeueOf } from './requeue.js';
import { runBatches } from './run-batches.js';
import { runEvents } from './run-events.js';
import type { Shell } from './shell.js';

export interface BusWorkOptions {
  readonly bus: Bus;
  readonly database: Database;
  readonly service: string;
  readonly tenant: string;
  readonly clock: Clock;
  readonly handlers: readonly Handler[];
  readonly log: Log;
  readonly putArtifact?: PutArtifact | undefined;
  readonly getArtifact?: GetArtifact | undefined;
}

export interface BusWork {
  /** All consumers read and the outbox is being published. */
  ready(): boolean;
  consumers(): Promise<ConsumerProgressInit[]>;
  /** Publishes at once what was told in a transaction that has just committed. */
  wakeRelay(): void;
  /** Finishes what is in hand. What was not begun comes again to whoever asks next. */
  stop(): Promise<void>;
}

/** Starts a service's handlers and its relay, from the durable consumers to the outbox. Returns once they are set up. */
export async function startBusWork(options: BusWorkOptions): Promise<BusWork> {
  const { handlers, database } = options;
  const names = handlers.map(({ consumer }) => consumer);
  assert(new Set(names).size === names.length, `two handlers share a consumer: ${names.join(', ')}`);
  const stopping = new AbortController();
  const { signal } = stopping;
  // Every handler waits for it, with a few listeners each; Node takes more than ten for a leak.
  setMaxListeners(4 * (handlers.length + 4), signal);
  const relay = relayOf(options);
  const shell: Shell = { ...options, wake: relay.bell.ring };
  const requeue = requeueOf(shell, handlers);
  const wakeAll = () => {
    relay.bell.ring();
    requeue.bell.ring();
  };
  const channel = `${outboxChannel}${database.schema}`;
  const runners = handlers.map((handler) =>
    handler.kind === 'event' ? runEvents(shell, handler, signal) : runBatches(shell, handler, signal),
  );
  // The relay outlives the handlers, so that what the last of them told leaves with the service.
  const relayStopping = new AbortController();
  const relaying = relay.run(relayStopping.signal);
  const others = [
    listen(database, { channel, heard: wakeAll, signal }),
    requeue.run(signal),
    keepHouse(shell, signal),
    ...runners.map(({ ended }) => ended),
  ];
  return {
    ready: () => !signal.aborted && relay.isWell() && runners.every((runner) => runner.isReading()),
    consumers: progressOf(shell, handlers),
    wakeRelay: relay.bell.ring,
    stop: async () => {
      stopping.abort();
      await Promise.all(others);
      relayStopping.abort();
      await relaying;
    },
  };
}
