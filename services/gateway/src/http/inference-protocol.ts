import type { IncomingMessage, ServerResponse } from 'node:http';
import { invalid, notFound } from '@perennial/kernel';
import type { Caller } from '../decide/access.js';
import type { Deployments } from '../deployments.js';
import { gatewayLimits } from '../limits.js';
import type { Predictor } from '../predictor.js';
import { serverExtensions, serverName, serverVersion } from '../protocol/descriptions.js';
import { infer } from '../protocol/infer.js';
import { readInferenceBody } from '../protocol/json-body.js';
import type { Models } from '../protocol/models.js';
import { readRawRequest } from '../protocol/raw-body.js';
import { checkLoadParameters, checkRepository } from '../protocol/repository.js';
import { send, sendJson } from './answer.js';
import { compressed } from './compressed.js';
import { Departure } from './departure.js';
import { headerLengthName, inferAnswer } from './infer-answer.js';
import { deadlineOf } from './predict.js';
import { acceptedEncodings, decoded, parseJson, readBody } from './read-body.js';

const modelPath = /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?(?:\/(ready|infer|config|stats))?$/;
const repositoryPath = /^\/v2\/repository(?:\/([^/]+))?\/(?:(index)|models\/([^/]+)\/(load|unload))$/;

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly caller: Caller | undefined;
}

interface ModelCall extends Call {
  readonly model: string;
  readonly version: string;
}

/**
 * The Open Inference Protocol over HTTP, everything under /v2: a shell around protocol/. Who may ask what is held at the
 * door, by decide/protocol-access.ts.
 */
export class InferenceProtocol {
  readonly #deployments: Deployments;
  readonly #predictor: Predictor;
  readonly #models: Models;

  constructor(deployments: Deployments, predictor: Predictor, models: Models) {
    this.#deployments = deployments;
    this.#predictor = predictor;
    this.#models = models;
  }

  /** Health alone answers without a token. */
  static isOpen(path: string): boolean {
    return path === '/v2/health/live' || path === '/v2/health/ready';
  }

  /** @throws PlatformError, for `{"error": "…"}` */
  async answer(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
    caller?: Caller,
  ): Promise<void> {
    const call = { request, response, caller };
    const match = path === '/v2/models/stats' ? null : modelPath.exec(path);
    if (match) {
      const [, model = '', version = '', verb] = match;
      return this.#aboutModel(verb, { ...call, model: decoded(model), version: decoded(version) });
    }
    const repository = repositoryPath.exec(path);
    if (repository) {
      const [, name = '', index, model = '', verb] = repository;
      wantMethod(request, 'POST');
      checkRepository(decoded(name));
      if (index !== undefined) return this.#index(call);
      return this.#switch(call, decoded(model), verb === 'load', caller?.name ?? '');
    }
    return this.#aboutServer(path, call);
  }

  async #aboutServer(path: string, { request, response }: Call): Promise<void> {
    const answers: Record<string, () => unknown> = {
      '/v2': () => ({ name: serverName, version: serverVersion, extensions: serverExtensions }),
      '/v2/models': () => ({ models: this.#models.names() }),
      '/v2/models/stats': () => this.#models.statistics('', '', deadlineOf(request)),
    };
    const answer = answers[path === '/v2/' ? '/v2' : path];
    if (answer) {
      wantMethod(request, 'GET');
      return sendJson(response, JSON.stringify(await answer()));
    }
    if (!InferenceProtocol.isOpen(path)) throw notFound('ROUTE_NOT_FOUND', 'Not Found');
    wantMethod(request, 'GET');
    const isLive = path.endsWith('/live');
    const isReady = isLive || this.#models.isReady;
    const body = JSON.stringify(isLive ? { live: true } : { ready: isReady });
    send(response, isReady ? 200 : 503, body, { 'content-type': 'application/json' });
  }

  async #aboutModel(verb: string | undefined, call: ModelCall): Promise<void> {
    const { request, response, model, version } = call;
    wantMethod(request, verb === 'infer' ? 'POST' : 'GET');
    if (verb === 'infer') return this.#infer(call);
    if (verb === 'ready') {
      const ready = this.#models.modelReady(model, version);
      const body = JSON.stringify({ name: model, ready });
      return send(response, ready ? 200 : 503, body, { 'content-type': 'application/json' });
    }
    const about = {
      config: () => this.#models.config(model, version, deadlineOf(request)),
      stats: () => this.#models.statistics(model, version, deadlineOf(request)),
    };
    const told = about[verb as keyof typeof about] as (() => Promise<unknown>) | undefined;
    const answer = await (told ? told() : this.#models.metadata(model, version, deadlineOf(request)));
    sendJson(response, JSON.stringify(answer));
  }

  async #infer({ request, response, caller, model, version }: ModelCall): Promise<void> {
    const { headers } = request;
    // Said before the body is refused for another encoding.
    if (headers['content-encoding']) response.setHeader('accept-encoding', acceptedEncodings);
    const deadlineAt = deadlineOf(request);
    const { response: answered } = await infer(this.#predictor, this.#deployments, {
      model,
      version,
      transport: 'http/v2',
      deadlineAt,
      caller,
      headers: (name) => headers[name]?.toString(),
      signal: new Departure(response),
      read: async () => {
        const body = await readBody(request, gatewayLimits.tensorBodyBytesMax, deadlineAt);
        const length = headers[headerLengthName]?.toString();
        if (length !== '0') return readInferenceBody(body, length, model);
        return readRawRequest(body, await this.#models.serving(model, version, deadlineAt));
      },
    });
    const { body, headers: told } = inferAnswer(answered);
    const accepted = headers['accept-encoding'];
    if (typeof accepted !== 'string' || body.length < gatewayLimits.compressedBytesMin)
      return send(response, 200, body, told);
    const small = await compressed(body, accepted);
    send(response, 200, small?.body ?? body, small ? { ...told, 'content-encoding': small.encoding } : told);
  }

  async #index({ request, response }: Call): Promise<void> {
    const { ready = false } = await controlBody(request);
    if (typeof ready !== 'boolean')
      throw invalid('INFER_BODY_INVALID', "Invalid value for 'ready': expected a boolean", {
        field: 'ready',
      });
    sendJson(response, JSON.stringify(this.#models.index(ready)));
  }

  async #switch(
    { request, response }: Call,
    model: string,
    isLoad: boolean,
    requestedBy: string,
  ): Promise<void> {
    const { parameters = {} } = await controlBody(request);
    if (typeof parameters !== 'object' || parameters === null || Array.isArray(parameters))
      throw invalid('INFER_BODY_INVALID', 'parameters must be an object', { field: 'parameters' });
    checkLoadParameters(parameters as Record<string, unknown>);
    await (isLoad ? this.#models.load(model, requestedBy) : this.#models.unload(model, requestedBy));
    send(response, 200, '', { 'content-type': 'application/json' });
  }
}

/** A body that may be absent. */
async function controlBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const { controlBodyBytesMax, controlBodyTimeoutMs } = gatewayLimits;
  const body = await readBody(request, controlBodyBytesMax, performance.now() + controlBodyTimeoutMs);
  const value = body.byteLength === 0 ? {} : parseJson(body.toString('utf8'));
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw invalid('INFER_BODY_INVALID', 'the body must be a JSON object, or empty', { field: 'body' });
}

function wantMethod(request: IncomingMessage, method: string): void {
  if (request.method === method) return;
  throw invalid('METHOD_NOT_ALLOWED', 'Method Not Allowed', { field: 'method' });
}
