import type { ConsumerInfo, ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import type { Bus } from './bus.js';
import { untilConnected } from './link.js';
import { pause } from './pause.js';

/** How long a pull waits at the server for messages before it is asked anew. */
const pullExpiresMs = 30_000;
/** Two missed tell that the server forgot the pull or the consumer, and the reading is begun anew. */
const heartbeatMs = 3_000;
const reopenPauseMs = 100;

export interface Reading {
  /** Makes sure that the consumer is there and stands where the reading shall go on. */
  readonly open: () => Promise<ConsumerInfo>;
  /** Reads until the signal aborts, or throws. */
  readonly read: (opened: ConsumerInfo, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  readonly broken: (error: unknown) => void;
}

/**
 * Opens and reads, and does both anew after each break: a lost connection, a consumer that vanished, missed heartbeats.
 * The client library mends its own iterators too, but waits up to a whole pull before it looks again.
 */
export async function keepReading(bus: Bus, { open, read, signal, broken }: Reading): Promise<void> {
  while (!signal.aborted) {
    await untilConnected(bus, signal);
    if (signal.aborted) return;
    const session = new AbortController();
    const end = () => session.abort();
    const endOfLink = bus.onLinkChange(end);
    signal.addEventListener('abort', end, { once: true });
    try {
      await read(await open(), session.signal);
    } catch (error) {
      if (!signal.aborted) broken(error);
    } finally {
      endOfLink();
      signal.removeEventListener('abort', end);
      session.abort();
    }
    await pause(reopenPauseMs, signal);
  }
}

/**
 * Streams a consumer's messages to `take`, one after the other; up to `prefetch` wait in memory meanwhile. For consumers
 * without acknowledgements: throws when one was lost on the way, so that the reader opens anew behind the last he took.
 */
export async function streamMessages(
  bus: Bus,
  info: ConsumerInfo,
  { prefetch, signal, take }: { prefetch: number; signal: AbortSignal; take: (message: JsMsg) => unknown },
): Promise<void> {
  const messages = await bus.js.consumers.getConsumerFromInfo(info).consume({
    max_messages: prefetch,
    expires: pullExpiresMs,
    idle_heartbeat: heartbeatMs,
    abort_on_missing_resource: true,
  });
  let delivered = info.delivered.consumer_seq;
  await iterate(messages, signal, async (message) => {
    delivered += 1;
    if (message.info.deliverySequence !== delivered)
      throw new Error(`message ${delivered} of ${info.name} is missing`);
    await take(message);
  });
}

/** Pulls up to `count` messages and gives each to `take` as it comes; returns after the last, or when the pull expires. */
export async function pullMessages(
  bus: Bus,
  info: ConsumerInfo,
  { count, signal, take }: { count: number; signal: AbortSignal; take: (message: JsMsg) => unknown },
): Promise<void> {
  const messages = await bus.js.consumers.getConsumerFromInfo(info).fetch({
    max_messages: count,
    expires: pullExpiresMs,
    idle_heartbeat: heartbeatMs,
  });
  await iterate(messages, signal, take);
}

async function iterate(
  messages: ConsumerMessages,
  signal: AbortSignal,
  take: (message: JsMsg) => unknown,
): Promise<void> {
  const stop = () => messages.stop();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  void stopWhenForgotten(messages);
  try {
    for await (const message of messages) {
      if (signal.aborted) return;
      await take(message);
    }
  } finally {
    signal.removeEventListener('abort', stop);
    messages.stop();
  }
}

async function stopWhenForgotten(messages: ConsumerMessages): Promise<void> {
  for await (const { type } of messages.status()) {
    if (type === 'heartbeats_missed' || type === 'consumer_deleted' || type === 'no_responders') {
      messages.stop(new Error(`the server forgot the consumer (${type})`));
    }
  }
}
