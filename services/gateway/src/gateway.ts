import type { Message } from '@bufbuild/protobuf';
import { type Bus, decodeEvent, follow, publishRaw } from '@perennial/bus';
import {
  type DeploymentUpdated,
  type EventKind,
  eventFilter,
  events,
  type SystemApplied,
} from '@perennial/contracts';
import type { Frame } from '@perennial/service';
import type { Access } from './access/access.js';
import { openAccess } from './access/open-access.js';
import { ResponseCache } from './cache/response-cache.js';
import { Capture } from './capture/capture.js';
import type { settings } from './config.js';
import { Deployments } from './deployments.js';
import { EventFeed } from './effects/event-feed.js';
import { onlineFeatures } from './effects/online-features.js';
import { type Peers, peersOf } from './effects/peers.js';
import { PredictionSpool } from './effects/prediction-spool.js';
import { Settlement } from './effects/settlement.js';
import { streamSequences } from './effects/stream-sequences.js';
import type { Fleet } from './fleet/fleet.js';
import { openFleet } from './fleet/open-fleet.js';
import { GraphInference } from './graph/graph-inference.js';
import type { Inference } from './inference.js';
import { captureWatch, gatewayInstruments } from './instruments.js';
import { gatewayLimits } from './limits.js';
import { Predictor } from './predictor.js';
import { ModelCounts } from './telemetry/model-counts.js';

export type GatewayFrame = Frame<typeof settings>;

/** What this process holds in memory; nothing of it outlives it. */
export interface Gateway {
  readonly peers: Peers;
  readonly deployments: Deployments;
  readonly fleet: Fleet;
  readonly inference: Inference;
  readonly spool: PredictionSpool;
  readonly predictor: Predictor;
  readonly settlement: Settlement;
  readonly feed: EventFeed;
  readonly access: Access;
}

export async function openGateway(frame: GatewayFrame): Promise<Gateway> {
  const { log, tenant, clock, bus } = frame;
  const peers = peersOf(
    (service, peer) => frame.client(service, peer),
    [...frame.peers.keys()].filter((name) => name !== frame.name),
  );
  const spool = new PredictionSpool({
    tenant,
    clock,
    publish: async (message) => {
      await publishRaw(bus, { ...message, timeoutMs: gatewayLimits.publishTimeoutMs });
    },
    onOutage: (error) =>
      error === undefined
        ? log.info('the bus takes prediction events again')
        : log.warn('the bus takes no prediction events; they are kept', { error }),
  });
  const deployments: Deployments = new Deployments({
    load: async ({ system, pool, serve, unloaded }, route) => {
      if (route.graph) return graphs.checkServed(route.graph);
      return unloaded ? fleet.unload(system, route.digest) : fleet.load(system, route, pool, serve);
    },
    isPoolUp: (pool) => fleet.hasReplicas(pool),
    onSwitch: ({ system, epoch, routes }) => {
      fleet.keep(deployments.models());
      log.info('serves a new epoch', {
        system,
        epoch: String(epoch),
        versions: routes.map((r) => r.version),
        where: Object.fromEntries(routes.map(({ version, digest }) => [version, fleet.where(digest)])),
      });
    },
    onLoadFailed: ({ system, epoch }, attempt, error) => {
      // Tried again several times a second: said once.
      if (attempt === 1) log.warn('a model cannot be loaded yet', { system, epoch: String(epoch), error });
    },
  });
  const fleet = openFleet(frame);
  const graphs = new GraphInference(fleet, deployments);
  const features = onlineFeatures(peers.featurize);
  const counts = new ModelCounts();
  const cache = new ResponseCache({
    onLook: ({ system, route }, isHit, microseconds) =>
      counts.looked(system, route.version, isHit, microseconds),
  });
  gatewayInstruments(frame.meter, { spool, cache, counts });
  const capture = new Capture({ deployments, spool, clock, watch: captureWatch(counts) });
  followModels(bus, deployments, frame);
  return {
    peers,
    deployments,
    fleet,
    inference: graphs,
    spool,
    predictor: new Predictor({
      deployments,
      inference: graphs,
      features,
      cache,
      capture,
    }),
    settlement: new Settlement({
      services: [...peers.operations].map(([name, peer]) => ({ name, progress: () => peer.getProgress({}) })),
      sequences: () => streamSequences(bus),
      isQuietHere: () => spool.size === 0 && deployments.switching === 0,
    }),
    feed: new EventFeed(bus, tenant, (error) => log.warn('following the bus failed', { error })),
    access: await openAccess(frame),
  };
}

/** Hears what is served: first the last word about each system, then every change. */
function followModels(bus: Bus, deployments: Deployments, { tenant, log, stopping }: GatewayFrame): void {
  let behind = 2;
  const common = {
    stream: 'MODEL',
    from: 'last-per-subject',
    signal: stopping,
    onCaughtUp: () => {
      behind -= 1;
      if (behind === 0) deployments.caughtUp();
    },
    onError: (error: unknown) => log.warn('following the bus failed', { error }),
  } as const;
  const hear = (event: EventKind, take: (body: Message) => void) => {
    follow(bus, {
      ...common,
      filter: eventFilter(event),
      onMessage: (message) => {
        try {
          const received = decodeEvent(message);
          if (received?.tenant === tenant) take(received.body);
        } catch (error) {
          // One message that cannot be read must not end the hearing of all others.
          log.error('an event cannot be read', { subject: message.subject, error });
        }
      },
    });
  };
  hear(events.systemApplied, (body) => deployments.systemApplied(body as SystemApplied));
  hear(events.deploymentUpdated, (body) => deployments.updated(body as DeploymentUpdated));
}
