import type { IncomingMessage, Server } from 'node:http';
import { unavailable } from '@perennial/kernel';
import { type GrpcServer, serveGrpc } from '@perennial/service';
import { Denials } from './access/denials.js';
import { openTls } from './access/open-tls.js';
import { anomalyRoutes } from './control/anomalies.js';
import { datasetRoutes, datasetStreams } from './control/datasets.js';
import { evidenceRoutes } from './control/evidence.js';
import { featureRoutes, featureStreams } from './control/features.js';
import { garbageRoutes } from './control/garbage.js';
import { ModelImport } from './control/import-model.js';
import { type KeyNeeds, keyRoutes } from './control/keys.js';
import { type LabelNeeds, labelRoutes } from './control/labels.js';
import { modelRoutes, modelStreams } from './control/models.js';
import { operationsRoutes, type ServiceStatus } from './control/operations.js';
import { producerRoutes } from './control/producers.js';
import { quarantineRoutes } from './control/quarantine.js';
import type { ControlRoute } from './control/route.js';
import { schemaRoutes } from './control/schemas.js';
import { controlHandler, streamRoutes } from './control/server.js';
import { sourceRoutes } from './control/sources.js';
import { systemRoutes } from './control/systems.js';
import { watermarkRoutes } from './control/watermark.js';
import { lazyArtifacts } from './effects/lazy-artifacts.js';
import { publishLabel } from './effects/publish-label.js';
import { Explainer } from './explain/explainer.js';
import type { Gateway, GatewayFrame } from './gateway.js';
import { grpcDoor } from './grpc/door.js';
import { inferenceService } from './grpc/inference-service.js';
import { type Front, type FrontOptions, openFront, shownBy } from './http/front.js';
import { InferenceProtocol } from './http/inference-protocol.js';
import { gatewayLimits } from './limits.js';
import { ApiPages } from './openapi/pages.js';
import { modelsOf } from './protocol/platform-models.js';
import { openRequests, type Requests } from './requests/open-requests.js';

export interface Doors {
  /** host:port as bound. */
  readonly httpAddress: string;
  readonly grpcAddress: string;
  /** Requests and batches that are worked on here, and callbacks. */
  readonly requestsInHand: number;
  /** Takes nothing new and lets what is in hand end. */
  close(): Promise<void>;
}

/** Opens both public ports: HTTP and gRPC. Whoever comes in has shown a token first. */
export async function openDoors(gateway: Gateway, frame: GatewayFrame): Promise<Doors> {
  const { settings, clock, log } = frame;
  const { access, deployments, predictor } = gateway;
  const denials = new Denials(frame);
  const tls = openTls(frame);
  const onError = (error: unknown, path: string) => log.error('a request failed', { path, error });
  const explainer = new Explainer({
    deployments,
    inference: gateway.inference,
    getModel: (asked) => gateway.peers.registry.getModel(asked),
  });
  const predicting = { predictor, deployments, explainer };
  const requests = openRequests(frame, predicting);
  const { control, pages } = await openControl(gateway, frame, { requests, explainer, onError });
  const models = modelsOf(gateway);
  const inference = new InferenceProtocol(deployments, predictor, models);
  const front = openFront({
    callerOf: (authorization, shown) => access.callerOf(authorization, shown),
    onDenied: (denied) => denials.addHttp(denied),
    predicting,
    inference,
    control,
    pages,
    onError,
    tls,
  });
  const httpAddress = await listen(front.server, settings.httpListen);
  const grpc = await serveGrpc({
    listen: settings.publicGrpcListen,
    ...grpcDoor(inferenceService({ deployments, predictor, models, clock }), {
      access,
      denials,
      predictor,
      ingest: gateway.peers.ingest,
    }),
    drainTimeoutMs: gatewayLimits.doorsDrainMs,
    tls,
    onError,
  });
  log.info('doors are open', { http: httpAddress, grpc: grpc.address });
  requests.start();
  return {
    httpAddress,
    grpcAddress: grpc.address,
    get requestsInHand() {
      return requests.inHand;
    },
    close: async () => {
      await Promise.all([close(front, grpc), requests.stop()]);
    },
  };
}

interface ControlParts {
  readonly requests: Pick<Requests, 'routes' | 'streams'>;
  readonly explainer: Explainer;
  readonly onError: (error: unknown, path: string) => void;
}

/** All that is no prediction, and the pages that describe it. */
async function openControl(
  gateway: Gateway,
  frame: GatewayFrame,
  { requests, explainer, onError }: ControlParts,
): Promise<Pick<FrontOptions, 'control' | 'pages'>> {
  const { access, deployments, fleet, peers, feed } = gateway;
  const { tenant, clock, stopping } = frame;
  const artifacts = lazyArtifacts();
  const imports = new ModelImport({ deployments, fleet, registry: peers.registry, artifacts });
  const streams = [
    ...modelStreams(gateway, imports),
    ...requests.streams,
    ...datasetStreams(peers),
    ...featureStreams(peers, artifacts),
  ];
  const routes = controlRoutes(
    { ...gateway, clock, requests, publishLabel: publishLabel(frame.bus, tenant) },
    () => standingOf(gateway, frame.name),
  );
  const callerOf = (request: IncomingMessage) =>
    access.callerOf(request.headers.authorization, shownBy(request));
  const control = await controlHandler({
    knowing: { callerOf, onChanged: (listener) => access.onChanged(listener) },
    peers,
    feed,
    stopping,
    onError,
    streams,
    routes,
  });
  const described = [...routes, ...streams, ...streamRoutes];
  return { control, pages: new ApiPages({ deployments, explainer, routes: described, callerOf }) };
}

/** How this service does, as the others are asked. */
function standingOf({ deployments, spool, fleet }: Gateway, service: string): ServiceStatus {
  return {
    service,
    ready: deployments.isCaughtUp,
    backlog: spool.size,
    dead_letters: 0,
    detail: fleet.hasReplicas('cpu') ? '' : 'inference does not answer',
    replicas: fleet.replicas(),
    models: fleet.models(),
  };
}

/** All that is answered as JSON under /v1, but predictions. */
export function controlRoutes(
  gateway: Pick<Gateway, 'peers' | 'deployments' | 'settlement'> &
    KeyNeeds & {
      readonly publishLabel: LabelNeeds['publish'];
      readonly requests: Pick<Requests, 'routes'>;
    },
  own: () => ServiceStatus,
): ControlRoute[] {
  return [
    ...watermarkRoutes(gateway),
    ...systemRoutes(gateway),
    ...modelRoutes(gateway),
    ...keyRoutes(gateway),
    ...sourceRoutes(gateway.peers),
    ...producerRoutes(gateway.peers),
    ...quarantineRoutes(gateway.peers),
    ...datasetRoutes(gateway.peers),
    ...anomalyRoutes(gateway.peers),
    ...schemaRoutes(gateway.peers),
    ...featureRoutes(gateway.peers),
    ...garbageRoutes(gateway.peers),
    ...gateway.requests.routes,
    ...labelRoutes({ peers: gateway.peers, publish: gateway.publishLabel }),
    ...evidenceRoutes(gateway.peers),
    ...operationsRoutes(gateway.peers, own),
  ];
}

/** @throws PlatformError LISTEN_UNAVAILABLE */
function listen(server: Server, at: string): Promise<string> {
  const host = at.slice(0, at.lastIndexOf(':'));
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const message = `cannot listen on ${at}; free the port or choose another`;
      reject(unavailable('LISTEN_UNAVAILABLE', message, { cause, internal: cause.message }));
    });
    server.listen(Number(at.slice(at.lastIndexOf(':') + 1)), host.replace(/^\[|\]$/g, ''), () => {
      resolve(`${host}:${(server.address() as { port: number }).port}`);
    });
  });
}

/** Kept-alive connections close as they fall idle; what is not through in time is cut. */
async function close({ server, lanes }: Front, grpc: GrpcServer): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  lanes?.close();
  const idle = setInterval(() => server.closeIdleConnections(), 20);
  const late = setTimeout(() => {
    server.closeAllConnections();
    lanes?.closeAll();
  }, gatewayLimits.doorsDrainMs);
  await Promise.all([closed, grpc.drain()]);
  clearInterval(idle);
  clearTimeout(late);
}
