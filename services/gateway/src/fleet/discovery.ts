import { fromJsonString } from '@bufbuild/protobuf';
import type { Bus, Log } from '@perennial/bus';
import { type ReplicaAnnounced, ReplicaAnnouncedSchema, replicaFilter } from '@perennial/contracts';

export interface DiscoveryOptions {
  readonly bus: Bus;
  readonly tenant: string;
  readonly log: Log;
  readonly stopping: AbortSignal;
  readonly onAnnounced: (word: ReplicaAnnounced) => void;
}

/** Hears the replicas of this tenant say that they are there. One message that cannot be read ends nothing. */
export function hearReplicas({ bus, tenant, log, stopping, onAnnounced }: DiscoveryOptions): void {
  const subscription = bus.connection.subscribe(replicaFilter(tenant), {
    callback: (error, message) => {
      if (error) return log.warn('hearing of replicas failed', { error });
      try {
        const word = fromJsonString(ReplicaAnnouncedSchema, message.string(), { ignoreUnknownFields: true });
        if (!/^.+:\d+$/.test(word.address)) throw new Error(`its address is "${word.address}"`);
        onAnnounced(word);
      } catch (error) {
        log.warn('an announcement of a replica cannot be used', { subject: message.subject, error });
      }
    },
  });
  stopping.addEventListener('abort', () => subscription.unsubscribe(), { once: true });
}
