import { AckPolicy, type ConsumerInfo, DeliverPolicy } from '@nats-io/jetstream';
import { nanos, nuid } from '@nats-io/transport-node';
import type { Bus } from './bus.js';

/** Where an ephemeral consumer begins: behind a sequence, or with the last message of each subject. */
export type Start = { readonly after: number } | 'last-per-subject';

/** Readers come back at once or not at all; a forgotten consumer costs the server little until then. */
const inactiveMs = 60_000;

/** A consumer without acknowledgements that lives while it is read. The reader keeps the position. */
export function addEphemeral(
  bus: Bus,
  { stream, filter, start, name }: { stream: string; filter: string; start: Start; name: string },
): Promise<ConsumerInfo> {
  return bus.jsm.consumers.add(stream, {
    name: `${name}-${nuid.next()}`,
    filter_subject: filter,
    ack_policy: AckPolicy.None,
    inactive_threshold: nanos(inactiveMs),
    mem_storage: true,
    num_replicas: 1,
    ...(start === 'last-per-subject'
      ? { deliver_policy: DeliverPolicy.LastPerSubject }
      : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: start.after + 1 }),
  });
}

export async function lastSequence(bus: Bus, stream: string): Promise<number> {
  return (await bus.jsm.streams.info(stream)).state.last_seq;
}
