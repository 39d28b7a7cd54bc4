import type { Bus } from '@perennial/bus';
import { unavailable } from '@perennial/kernel';

/** A message that cannot be handled must not hold up training for ever. */
const patienceMs = 30_000;
const waitsKept = 1_000;

/**
 * Says whether a consumer of ours has done everything that its stream held when we first asked under this name. The
 * order between two streams is not kept; what led to a message on one may still be unread on the other.
 */
export function caughtUpWith(
  bus: Bus,
  { stream, name }: { stream: string; name: string },
): (askedUnder: string) => Promise<boolean> {
  const waits = new Map<string, { sequence: number; until: number }>();
  return async (askedUnder) => {
    let wait = waits.get(askedUnder);
    if (!wait) {
      const sequence = (await asked(bus.jsm.streams.info(stream))).state.last_seq;
      wait = { sequence, until: performance.now() + patienceMs };
      if (waits.size >= waitsKept) waits.clear();
      waits.set(askedUnder, wait);
    }
    const consumer = await asked(bus.jsm.consumers.info(stream, name));
    const isQuiet = consumer.num_pending === 0 && consumer.num_ack_pending === 0;
    const isPast = consumer.ack_floor.stream_seq >= wait.sequence;
    const hasCaughtUp = isQuiet || isPast || performance.now() > wait.until;
    if (hasCaughtUp) waits.delete(askedUnder);
    return hasCaughtUp;
  };
}

/** A bus that is away is waited for, and is nobody's failure. */
function asked<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((cause: unknown) => {
    throw unavailable('BUS_UNAVAILABLE', 'the bus does not answer; asking again', { cause });
  });
}
