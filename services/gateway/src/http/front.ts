import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { asPlatformError, invalid } from '@perennial/kernel';
import type { ControlHandler } from '../control/server.js';
import type { Caller } from '../decide/access.js';
import { gatewayLimits } from '../limits.js';
import { sendInferenceError, sendProblem } from './answer.js';
import { inTrace } from './in-trace.js';
import { InferenceProtocol } from './inference-protocol.js';
import { type PredictNeeds, predict } from './predict.js';
import { decoded } from './read-body.js';

export interface FrontOptions {
  /** @throws PlatformError UNAUTHENTICATED */
  readonly callerOf: (authorization: string | undefined) => Caller;
  readonly predicting: PredictNeeds;
  readonly inference: InferenceProtocol;
  readonly control: ControlHandler;
  readonly onError: (error: unknown, path: string) => void;
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

/** The one HTTP door. Predictions are answered here, without a framework; the rest goes to the control plane. */
export function frontServer(options: FrontOptions): Server {
  const server = createServer(serverLimits, (request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] as string;
    // A response that is written to after its client went away must not end the process.
    response.on('error', () => {});
    response.on('finish', () => endLateBody(request));
    void inTrace(request, () => answer(options, path, request, response)).catch((thrown: unknown) => {
      if (asPlatformError(thrown).fault === 'us') options.onError(thrown, path);
      if (path.startsWith('/v2')) sendInferenceError(response, thrown);
      else sendProblem(response, thrown);
    });
  });
  server.maxConnections = gatewayLimits.connectionsMax;
  return server;
}

/** An answer that came before the request's end leaves a body that may never end: refused uploads, unknown callers. */
function endLateBody(request: IncomingMessage): void {
  if (request.complete) return;
  const late = setTimeout(() => request.socket.destroy(), gatewayLimits.lateBodyMs);
  request.once('close', () => clearTimeout(late));
}

async function answer(
  { callerOf, predicting, inference, control }: FrontOptions,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const isProtocol = path === '/v2' || path.startsWith('/v2/');
  if (isProtocol && InferenceProtocol.isOpen(path)) return inference.answer(path, request, response);
  // Deny by default: nothing below this line is reached by somebody unknown.
  const caller = callerOf(request.headers.authorization);
  if (isProtocol) return inference.answer(path, request, response, caller);
  const match = predictPath.exec(path);
  if (!match) return control(request, response, caller);
  if (request.method !== 'POST')
    throw invalid('METHOD_NOT_ALLOWED', 'predictions are asked for with POST', { field: 'method' });
  await predict(predicting, decoded(match[1] ?? ''), request, response, caller);
}
