import type { IncomingMessage, ServerResponse } from 'node:http';
import { invalid, notFound } from '@perennial/kernel';
import type { Deployments } from '../deployments.js';
import { gatewayLimits } from '../limits.js';
import {
  checkModelKnown,
  isModelReady,
  modelMetadata,
  serverExtensions,
  serverName,
  serverVersion,
} from '../model-metadata.js';
import type { Predictor } from '../predictor.js';
import { readInferenceBody, writeInferenceBody } from '../tensor-body.js';
import { send, sendJson } from './answer.js';
import { deadlineOf } from './predict.js';
import { decoded, readBody } from './read-body.js';

const headerLengthName = 'inference-header-content-length';
const modelPath = /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?(?:\/(ready|infer))?$/;

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly model: string;
  readonly version: string;
}

/** The Open Inference Protocol over HTTP: everything under /v2. */
export class InferenceProtocol {
  readonly #deployments: Deployments;
  readonly #predictor: Predictor;

  constructor(deployments: Deployments, predictor: Predictor) {
    this.#deployments = deployments;
    this.#predictor = predictor;
  }

  /** Health alone answers without a token. */
  static isOpen(path: string): boolean {
    return path === '/v2/health/live' || path === '/v2/health/ready';
  }

  /** @throws PlatformError, for `{"error": "…"}` */
  async answer(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const match = modelPath.exec(path);
    if (match) {
      const [, model = '', version = '', verb] = match;
      const call = {
        request,
        response,
        model: decoded(model),
        version: decoded(version),
      };
      wantMethod(request, verb === 'infer' ? 'POST' : 'GET');
      if (verb === 'infer') return this.#infer(call);
      return verb === 'ready' ? this.#modelReady(call) : this.#metadata(call);
    }
    if (path === '/v2' || path === '/v2/') {
      wantMethod(request, 'GET');
      return sendJson(
        response,
        JSON.stringify({ name: serverName, version: serverVersion, extensions: serverExtensions }),
      );
    }
    if (!InferenceProtocol.isOpen(path)) throw notFound('ROUTE_NOT_FOUND', 'Not Found');
    wantMethod(request, 'GET');
    const isReady = path.endsWith('/live') || this.#deployments.isCaughtUp;
    const body = JSON.stringify(path.endsWith('/live') ? { live: true } : { ready: isReady });
    send(response, isReady ? 200 : 503, body, { 'content-type': 'application/json' });
  }

  #modelReady({ response, model, version }: Call): void {
    checkModelKnown(this.#deployments, model);
    const ready = isModelReady(this.#deployments.current(model), version);
    const body = JSON.stringify({ name: model, ready });
    send(response, ready ? 200 : 503, body, { 'content-type': 'application/json' });
  }

  async #metadata({ request, response, model, version }: Call): Promise<void> {
    sendJson(
      response,
      JSON.stringify(await modelMetadata(this.#deployments, model, version, deadlineOf(request))),
    );
  }

  async #infer({ request, response, model, version }: Call): Promise<void> {
    let ask: ReturnType<typeof readInferenceBody> | undefined;
    const deadlineAt = deadlineOf(request);
    const answered = await this.#predictor.predictTensors({
      system: model,
      version,
      transport: 'http/v2',
      deadlineAt,
      body: async () => {
        const body = await readBody(request, gatewayLimits.tensorBodyBytesMax, deadlineAt);
        ask = readInferenceBody(body, request.headers[headerLengthName] as string | undefined, model);
        return ask;
      },
    });
    if (!ask) return;
    const { body, headerLength } = writeInferenceBody(ask, { ...answered, model });
    send(response, 200, body, {
      'content-type': headerLength === undefined ? 'application/json' : 'application/octet-stream',
      ...(headerLength !== undefined && { [headerLengthName]: String(headerLength) }),
    });
  }
}

function wantMethod(request: IncomingMessage, method: string): void {
  if (request.method === method) return;
  throw invalid('METHOD_NOT_ALLOWED', 'Method Not Allowed', { field: 'method' });
}
