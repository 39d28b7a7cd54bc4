import { JetStreamApiError, type PubAck } from '@nats-io/jetstream';
import { headers as natsHeaders } from '@nats-io/transport-node';
import { PlatformError, unavailable } from '@perennial/kernel';
import type { Bus } from './bus.js';
import { untilConnected } from './link.js';

export interface Publication {
  readonly subject: string;
  readonly body: string | Uint8Array;
  /** Nats-Msg-Id: repeated within the stream's window it is stored once. */
  readonly id: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long to try; 5,000 when left out. */
  readonly timeoutMs?: number;
  /** Refused when the subject leads to another stream. */
  readonly stream?: string;
}

/** A server that syncs each write answers within milliseconds; one that elects a leader within seconds. */
const timeoutMsDefault = 5_000;
/** Message size exceeds the stream's limit. */
const messageTooLarge = 10054;

/**
 * Publishes one message and waits until the stream has it. A connection that is lost meanwhile is waited for, and the
 * message published again under its id. Repeat with the same id after an error: it may have arrived.
 *
 * @throws PlatformError BUS_UNAVAILABLE, BUS_FULL, MESSAGE_TOO_LARGE
 */
export async function publishRaw(
  bus: Bus,
  message: Publication,
): Promise<{ sequence: number; duplicate: boolean }> {
  const deadline = performance.now() + (message.timeoutMs ?? timeoutMsDefault);
  for (;;) {
    const leftMs = Math.ceil(deadline - performance.now());
    if (leftMs <= 0)
      throw unavailable('BUS_UNAVAILABLE', `${message.subject}: the bus is away; try again later`);
    if (!bus.isConnected()) {
      await untilConnected(bus, AbortSignal.timeout(leftMs));
      continue;
    }
    const acknowledged = await publishOnce(bus, message, leftMs);
    if (acknowledged) return { sequence: acknowledged.seq, duplicate: acknowledged.duplicate };
  }
}

/** Undefined where the connection was lost before the answer: the client would wait for it to the end. */
async function publishOnce(bus: Bus, message: Publication, timeoutMs: number): Promise<PubAck | undefined> {
  const headers = natsHeaders();
  for (const [name, value] of Object.entries(message.headers ?? {})) headers.set(name, value);
  let endOfLink = () => {};
  const lost = new Promise<undefined>((resolve) => {
    endOfLink = bus.onLinkChange(() => resolve(undefined));
  });
  const answer = bus.js.publish(message.subject, message.body, {
    msgID: message.id,
    headers,
    timeout: timeoutMs,
    ...(message.stream && { expect: { streamName: message.stream } }),
  });
  try {
    return await Promise.race([answer, lost]);
  } catch (cause) {
    throw publishError(message.subject, cause);
  } finally {
    endOfLink();
    answer.catch(() => {});
  }
}

function publishError(subject: string, cause: unknown): PlatformError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (!(cause instanceof JetStreamApiError)) {
    return unavailable('BUS_UNAVAILABLE', `${subject}: the bus does not acknowledge (${reason}); try again`, {
      cause,
    });
  }
  if (cause.code === messageTooLarge) {
    return new PlatformError(
      'MESSAGE_TOO_LARGE',
      'caller',
      'never',
      `${subject}: ${reason}; send less at once`,
      {
        cause,
      },
    );
  }
  return unavailable('BUS_FULL', `${subject}: the stream takes nothing now (${reason}); try again later`, {
    cause,
  });
}
