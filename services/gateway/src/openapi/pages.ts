import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { invalid } from '@perennial/kernel';
import { allow, type Caller, isInScope } from '../decide/access.js';
import type { Deployments } from '../deployments.js';
import type { Explainer } from '../explain/explainer.js';
import { send, sendJson } from '../http/answer.js';
import { serverVersion } from '../protocol/descriptions.js';
import { type OpenApiDocument, openApiDocument, type RouteOf } from './document.js';
import { withModels } from './models.js';
import { page, pageScript } from './page.js';

export interface PagesOptions {
  readonly routes: readonly RouteOf[];
  readonly deployments: Deployments;
  readonly explainer: Explainer;
  /** @throws PlatformError UNAUTHENTICATED */
  readonly callerOf: (request: IncomingMessage) => Caller | Promise<Caller>;
}

/** Nothing from elsewhere, nothing inline but styles, which the page's library sets itself. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const fileTypes: ReadonlyMap<string, string> = new Map([
  ['swagger-ui.css', 'text/css; charset=utf-8'],
  ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
]);
const pieceBytes = 64 * 1024;

/**
 * `/openapi.json` and the page to try it. What anybody may read is made when the first one looks, and held once for all:
 * whoever asks a thousand times and reads nothing costs no more memory.
 */
export class ApiPages {
  readonly #options: PagesOptions;
  #document: OpenApiDocument | undefined;
  #open: Buffer | undefined;
  readonly #files = new Map<string, Promise<Buffer>>();

  constructor(options: PagesOptions) {
    this.#options = options;
  }

  /** Answered to anybody: what it says is no secret, and models are told only to who may read them. */
  static isOpen(path: string): boolean {
    return path === '/openapi.json' || path === '/docs' || path.startsWith('/docs/');
  }

  /** @throws PlatformError ROUTE_NOT_FOUND, METHOD_NOT_ALLOWED, UNAUTHENTICATED, FORBIDDEN and REQUESTS_* where a token is sent */
  async answer(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      throw invalid('METHOD_NOT_ALLOWED', 'this page is there to be read: GET', { field: 'method' });
    if (path === '/openapi.json') return this.#sendDocument(request, response);
    const name = path.slice('/docs/'.length);
    const headers = { 'content-security-policy': policy, 'x-content-type-options': 'nosniff' };
    if (name === '')
      return send(response, 200, page, { 'content-type': 'text/html; charset=utf-8', ...headers });
    if (name === 'page.js')
      return send(response, 200, pageScript, {
        'content-type': 'text/javascript; charset=utf-8',
        ...headers,
      });
    const type = fileTypes.get(name);
    if (!type) throw invalid('ROUTE_NOT_FOUND', `there is no ${path}; the page is /docs`, { field: 'path' });
    const content = await this.#file(name);
    response.writeHead(200, {
      'content-type': type,
      'content-length': content.byteLength,
      'cache-control': 'public, max-age=3600',
      ...headers,
    });
    if (request.method === 'HEAD') response.end();
    else await pipeline(pieces(content), response).catch(() => response.destroy());
  }

  #file(name: string): Promise<Buffer> {
    const known = this.#files.get(name);
    if (known) return known;
    const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
    const reading = readFile(join(folder, name));
    reading.catch(() => this.#files.delete(name));
    this.#files.set(name, reading);
    return reading;
  }

  async #sendDocument(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.headers.authorization !== undefined)
      return sendJson(response, JSON.stringify(await this.#described(request)));
    this.#open ??= Buffer.from(JSON.stringify(this.#plain()));
    send(response, 200, this.#open, { 'content-type': 'application/json' });
  }

  #plain(): OpenApiDocument {
    this.#document ??= openApiDocument(this.#options.routes, serverVersion);
    return this.#document;
  }

  async #described(request: IncomingMessage): Promise<OpenApiDocument> {
    const { deployments, explainer, callerOf } = this.#options;
    const caller = await callerOf(request);
    allow(caller, 'read');
    // It costs more than a prediction.
    caller.meter?.begin()();
    const models = deployments
      .systems()
      .sort()
      .flatMap((name) => {
        const serving = deployments.current(name);
        return serving && isInScope(caller, 'system', name) ? [{ name, serving }] : [];
      });
    const described = models.map(async (model) => ({
      ...model,
      usual: await explainer.usualRow(model.serving.deployment),
    }));
    return withModels(this.#plain(), await Promise.all(described));
  }
}

/** As the client takes them: what is written at once is held once more for each client, encrypted. */
function* pieces(content: Buffer): Generator<Buffer> {
  for (let at = 0; at < content.byteLength; at += pieceBytes) yield content.subarray(at, at + pieceBytes);
}
