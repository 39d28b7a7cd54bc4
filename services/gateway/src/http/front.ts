import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { TLSSocket } from 'node:tls';
import { asPlatformError, invalid, notFound } from '@perennial/kernel';
import type { TlsFiles } from '@perennial/service';
import type { ShownCertificate } from '../access/access.js';
import type { ControlHandler } from '../control/server.js';
import { allowRoute, type Caller, isInScope, type Meter, may } from '../decide/access.js';
import { httpCallOf } from '../decide/protocol-access.js';
import { gatewayLimits } from '../limits.js';
import { ApiPages } from '../openapi/pages.js';
import { sendInferenceError, sendProblem } from './answer.js';
import { inTrace } from './in-trace.js';
import type { InferenceProtocol } from './inference-protocol.js';
import { LaneInference } from './lane/lane-inference.js';
import { Lanes } from './lane/lanes.js';
import { type PredictNeeds, predict } from './predict.js';
import { decoded } from './read-body.js';

export interface FrontOptions {
  /** @throws PlatformError UNAUTHENTICATED */
  readonly callerOf: (
    authorization: string | undefined,
    shown: ShownCertificate | undefined,
  ) => Caller | Promise<Caller>;
  readonly predicting: PredictNeeds;
  readonly inference: InferenceProtocol;
  readonly control: ControlHandler;
  readonly pages: ApiPages;
  readonly onError: (error: unknown, path: string) => void;
  /** Certificates; without them HTTP is plain. */
  readonly tls: TlsFiles | undefined;
  /** Told when somebody was turned away. */
  readonly onDenied: (denied: Denied) => void;
}

export interface Denied {
  readonly status: 401 | 403;
  readonly path: string;
  readonly method: string | undefined;
  readonly caller: string | undefined;
  readonly remote: string | undefined;
}

/** One request on its way. */
interface Visit {
  readonly path: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** As soon as it is known. */
  caller: Caller | undefined;
}

/** For every connection, before anything is known of who is behind it. */
const serverLimits = {
  headersTimeout: gatewayLimits.headersTimeoutMs,
  requestTimeout: gatewayLimits.uploadTimeoutMs,
  keepAliveTimeout: gatewayLimits.keepAliveMs,
  connectionsCheckingInterval: gatewayLimits.connectionsCheckMs,
  maxHeaderSize: gatewayLimits.headerBytesMax,
};

const predictPath = /^\/v1\/systems\/([^/]+)\/predict$/;

/** The one HTTP door. */
export interface Front {
  readonly server: Server;
  /** Connections that node:http has not seen yet; with TLS it has all. */
  readonly lanes: Lanes | undefined;
}

/** Predictions are answered here, without a framework; the rest goes to the control plane. */
export function openFront(options: FrontOptions): Front {
  const server = frontServer(options);
  if (options.tls) return { server, lanes: undefined };
  const { predictor, deployments } = options.predicting;
  const callerOf = (authorization: string) => options.callerOf(authorization, undefined);
  const inference = new LaneInference({ callerOf, predictor, deployments, onError: options.onError });
  return { server, lanes: new Lanes(server, (head, body, signal) => inference.answer(head, body, signal)) };
}

function frontServer(options: FrontOptions): Server {
  const server = serverFor(options.tls, (request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] as string;
    // A response that is written to after its client went away must not end the process.
    response.on('error', () => {});
    const visit: Visit = { path, request, response, caller: undefined };
    response.on('finish', () => finish(options, visit));
    void inTrace(request, () => answer(options, visit)).catch((thrown: unknown) => {
      if (asPlatformError(thrown).fault === 'us') options.onError(thrown, path);
      if (path.startsWith('/v2')) sendInferenceError(response, thrown);
      else sendProblem(response, thrown);
    });
  });
  server.maxConnections = gatewayLimits.connectionsMax;
  return server;
}

/** HTTP/1.1 with or without TLS; open connections stay when certificates change, but for whom nobody signs any more. */
function serverFor(tls: TlsFiles | undefined, handler: RequestListener): Server {
  if (!tls) return createServer(serverLimits, handler);
  const { wantsClientCertificate } = tls;
  const server = createTlsServer(
    {
      ...serverLimits,
      ...tls.context,
      requestCert: wantsClientCertificate,
      rejectUnauthorized: wantsClientCertificate,
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: gatewayLimits.headersTimeoutMs,
    },
    handler,
  );
  tls.onChanged((context) => server.setSecureContext(context));
  tls.cutWithdrawn(server);
  return server;
}

function finish({ onDenied }: FrontOptions, { path, request, response, caller }: Visit): void {
  endLateBody(request);
  const { statusCode: status } = response;
  if (status !== 401 && status !== 403) return;
  const { method, socket } = request;
  onDenied({ status, path, method, caller: caller?.name, remote: socket.remoteAddress });
}

/** An answer that came before the request's end leaves a body that may never end: refused uploads, unknown callers. */
function endLateBody(request: IncomingMessage): void {
  if (request.complete) return;
  const late = setTimeout(() => request.socket.destroy(), gatewayLimits.lateBodyMs);
  request.once('close', () => clearTimeout(late));
}

async function answer(options: FrontOptions, visit: Visit): Promise<void> {
  const { predicting, inference, control } = options;
  const { path, request, response } = visit;
  const isProtocol = path === '/v2' || path.startsWith('/v2/');
  const protocol = isProtocol ? httpCallOf(path) : undefined;
  if (protocol && protocol.call.needs === undefined) return inference.answer(path, request, response);
  if (ApiPages.isOpen(path)) return options.pages.answer(path, request, response);
  // Deny by default: nothing below this line is reached by somebody unknown.
  const known = options.callerOf(request.headers.authorization, shownBy(request));
  const caller = known instanceof Promise ? await known : known;
  visit.caller = caller;
  const match = predictPath.exec(path);
  if (caller.meter) {
    try {
      begin(caller.meter, response);
    } catch (thrown) {
      const isInfer = protocol?.call.needs === 'predict';
      const asked = isInfer ? protocol.params['model'] : match?.[1];
      const transport = isInfer ? 'http/v2' : 'http/v1';
      const system = asked && decoded(asked);
      // What the caller may not ask leaves nothing in the records of who may.
      if (system && may(caller.role, 'predict') && isInScope(caller, 'system', system))
        predicting.predictor.refused({ system, transport, caller }, thrown);
      throw thrown;
    }
  }
  if (isProtocol) {
    allowCall(caller, protocol);
    return inference.answer(path, request, response, caller);
  }
  if (!match) return control(request, response, caller);
  const system = decoded(match[1] ?? '');
  allowRoute(caller, { needs: 'predict' }, { system });
  if (request.method !== 'POST')
    throw invalid('METHOD_NOT_ALLOWED', 'predictions are asked for with POST', { field: 'method' });
  await predict(predicting, system, request, response, caller);
}

/** @throws PlatformError FORBIDDEN, and ROUTE_NOT_FOUND for a path without a rule, whatever would answer it */
function allowCall(caller: Caller, found: ReturnType<typeof httpCallOf>): void {
  if (!found) throw notFound('ROUTE_NOT_FOUND', 'Not Found');
  const { needs = 'administer', checksScope } = found.call;
  const { model } = found.params;
  allowRoute(caller, { needs, checksScope }, model === undefined ? {} : { model: decoded(model) });
}

/** The rate's headers stand on refusals too; a request that is over gives its place back. */
function begin(meter: Meter, response: ServerResponse): void {
  try {
    response.once('close', meter.begin());
  } finally {
    for (const [name, value] of Object.entries(meter.headers())) response.setHeader(name, value);
  }
}

export function shownBy({ socket }: IncomingMessage): ShownCertificate | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  return () => (socket.authorized ? socket.getPeerCertificate() : undefined);
}
