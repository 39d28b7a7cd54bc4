import { hostname } from 'node:os';
import { create, type MessageInitShape, toJsonString } from '@bufbuild/protobuf';
import type { Bus, Log } from '@perennial/bus';
import { ReplicaAnnouncedSchema, replicaSubject } from '@perennial/contracts';

/** Who hears nothing for five of them takes the replica for gone. */
const everyMs = 1_000;
/** What has changed is told within this. */
const lookMs = 200;

export interface AnnounceOptions {
  readonly bus: Bus;
  readonly log: Log;
  readonly tenant: string;
  readonly pool: string;
  readonly replicaId: string;
  /** host:port at which gateways reach this replica. */
  readonly address: string;
  /** Aborted when the replica begins to drain. */
  readonly stopping: AbortSignal;
  /** Load and loaded models, now. */
  readonly standing: () => MessageInitShape<typeof ReplicaAnnouncedSchema> & { models: string[] };
}

/**
 * Says on the bus that this replica is there and what it holds: each second, soon after its models change, and at once
 * when it drains. Nobody keeps what is said; a gateway that starts hears it within a second.
 */
export function announce(options: AnnounceOptions): { stop(): void } {
  const { bus, log, tenant, pool, replicaId, address, stopping, standing } = options;
  const subject = replicaSubject(tenant, pool, replicaId);
  let saidAt = Number.NEGATIVE_INFINITY;
  let saidModels = '';
  const look = () => {
    // The client would keep them all for later, when they are no longer true.
    if (!bus.isConnected()) return;
    const now = performance.now();
    const current = standing();
    const models = current.models.join();
    if (models === saidModels && now - saidAt < everyMs) return;
    const message = create(ReplicaAnnouncedSchema, {
      ...current,
      replicaId,
      pool,
      address,
      draining: stopping.aborted,
    });
    try {
      bus.connection.publish(subject, toJsonString(ReplicaAnnouncedSchema, message));
      [saidAt, saidModels] = [now, models];
    } catch (error) {
      log.debug('the bus takes no announcement', { error });
    }
  };
  const drain = () => {
    saidAt = Number.NEGATIVE_INFINITY;
    look();
  };
  const timer = setInterval(look, lookMs);
  timer.unref();
  stopping.addEventListener('abort', drain, { once: true });
  look();
  return {
    stop: () => {
      clearInterval(timer);
      stopping.removeEventListener('abort', drain);
    },
  };
}

/** Where others reach what listens here: an address that means "every interface" is nobody's to connect to. */
export function reachableAddress(listening: string): string {
  const at = listening.lastIndexOf(':');
  const host = listening.slice(0, at);
  return ['0.0.0.0', '[::]', '::', ''].includes(host) ? `${hostname()}${listening.slice(at)}` : listening;
}

/** A name for a replica that was given none: the host and the port tell it from all others of the platform. */
export function defaultReplicaId(address: string): string {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at) === '127.0.0.1' ? 'inference' : hostname();
  const name = `${host}${address.slice(at)}`.toLowerCase().replace(/[^a-z0-9_-]+/g, '-');
  return name.slice(-64).replace(/^[^a-z0-9]+/, '');
}
