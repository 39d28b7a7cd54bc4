import { InferenceService } from '@perennial/contracts';
import { inferenceCodecs } from '@perennial/runtime';
import { openPlaces } from '../edge/open-places.js';
import type { GatewayFrame } from '../gateway.js';
import { gatewayLimits } from '../limits.js';
import { hearReplicas } from './discovery.js';
import { Fleet } from './fleet.js';
import { fleetInstruments } from './instruments.js';
import type { MemberOptions } from './member.js';

/** The replica that the settings name; others are heard of. */
const configuredPeer = 'inference';

/** Puts the fleet together with what the frame gives: connections, the bus, logs and counts. */
export function openFleet(frame: GatewayFrame): Fleet {
  const { log, meter, bus, tenant, stopping, peers } = frame;
  const counts = fleetInstruments(meter, () => fleet);
  const fleet: Fleet = new Fleet({
    dial: (address) => callsOf(frame, address),
    events: {
      ...counts,
      onEjected: (member, why) => {
        counts.onEjected(member, why);
        log.warn('a replica is left out for a while', { replica: member.id, why });
      },
    },
    onConnection: ({ id, pool }, isConnected, error) => {
      if (isConnected) log.info('joined to inference', { replica: id, pool });
      else if (error === undefined) log.info('a replica ended its stream', { replica: id, pool });
      else log.warn('a replica was lost', { replica: id, pool, error });
    },
    places: openPlaces(frame),
    onGone: ({ id, pool }) => log.info('a replica is gone', { replica: id, pool }),
  });
  const configured = peers.get(configuredPeer);
  if (configured) fleet.configure(configured, configuredPeer);
  hearReplicas({ bus, tenant, log, stopping, onAnnounced: (word) => fleet.announced(word) });
  return fleet;
}

function callsOf(frame: GatewayFrame, address: string): MemberOptions['calls'] {
  const client = frame.dial(InferenceService, address, configuredPeer, inferenceCodecs);
  return {
    ping: (timeoutMs) => client.getReplica({}, { timeoutMs }),
    load: (request) => client.loadModel(request, { timeoutMs: gatewayLimits.loadTimeoutMs }),
    unload: (digest) => client.unloadModel({ digest }),
    serve: (requests, signal) => client.serve(requests, { signal }),
    close: () => client.close(),
  };
}
