import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  DeliverPolicy,
  JetStreamApiError,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { eventFilter } from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import type { Bus } from './bus.js';
import type { EventHandler, Pace } from './handlers.js';

interface Feeding {
  /** Messages that one process holds. All of them are kept alive while they wait, so that none comes twice for it. */
  readonly prefetch: number;
  /** Messages that all processes hold together. */
  readonly maxAckPending: number;
  /** How long the messages of a process that died are gone. */
  readonly ackWaitMs: number;
}

export const feeding: Readonly<Record<Pace, Feeding>> = {
  fast: { prefetch: 16, maxAckPending: 256, ackWaitMs: 5_000 },
  // Work of minutes: a process that holds a second one would keep it from its neighbours.
  heavy: { prefetch: 1, maxAckPending: 16, ackWaitMs: 20_000 },
  // The server gives out the next only when this one is done: strict order over all processes, also after a crash.
  control: { prefetch: 4, maxAckPending: 1, ackWaitMs: 5_000 },
};

const consumerExists = new Set([10013, 10148]);

/**
 * How often a message was delivered is no measure of its fault: an outage, a lost connection and a restart count too. So
 * the server delivers without end, and the shell counts real failures and parks by the kind of the error.
 */
const deliveriesUnlimited = -1;

function configOf({ consumer, event, pace }: EventHandler) {
  const { maxAckPending, ackWaitMs } = feeding[pace];
  return {
    durable_name: consumer,
    filter_subject: eventFilter(event),
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: nanos(ackWaitMs),
    max_ack_pending: maxAckPending,
    max_deliver: deliveriesUnlimited,
  } satisfies Partial<ConsumerConfig>;
}

/**
 * Makes the durable consumer of a handler, or changes it to this release's settings, and reads back what the server
 * understood.
 *
 * @throws PlatformError BUS_CONSUMER_DIFFERS
 */
export async function ensureConsumer(bus: Bus, handler: EventHandler): Promise<ConsumerInfo> {
  const wanted = configOf(handler);
  const { stream } = handler.event;
  try {
    await bus.jsm.consumers.add(stream, wanted);
  } catch (error) {
    // From 2.10 on "create" refuses where it would change something; before, it changes.
    if (!(error instanceof JetStreamApiError && consumerExists.has(error.code))) throw error;
    await bus.jsm.consumers.update(stream, handler.consumer, wanted);
  }
  const info = await bus.jsm.consumers.info(stream, handler.consumer);
  const differing = Object.entries(wanted).filter(
    ([key, value]) => info.config[key as keyof ConsumerConfig] !== value,
  );
  if (differing.length > 0) {
    throw invalid(
      'BUS_CONSUMER_DIFFERS',
      `consumer ${handler.consumer} of stream ${stream} keeps other settings (${differing.map(([key]) => key).join(', ')}); ` +
        'delete it with the nats command line, it is made anew and repeats nothing',
    );
  }
  return info;
}
