import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
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
const fileTypes: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
};

/** `/openapi.json` and the page to try it. Read from disk when somebody looks; nothing of it is held. */
export class ApiPages {
  readonly #options: PagesOptions;
  #document: OpenApiDocument | undefined;

  constructor(options: PagesOptions) {
    this.#options = options;
  }

  /** Answered to anybody: what it says is no secret, and models are told only to who may read them. */
  static isOpen(path: string): boolean {
    return path === '/openapi.json' || path === '/docs' || path.startsWith('/docs/');
  }

  /** @throws PlatformError ROUTE_NOT_FOUND, METHOD_NOT_ALLOWED, UNAUTHENTICATED and FORBIDDEN where a token is sent */
  async answer(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      throw invalid('METHOD_NOT_ALLOWED', 'this page is there to be read: GET', { field: 'method' });
    if (path === '/openapi.json') return sendJson(response, JSON.stringify(await this.#described(request)));
    const name = path.slice('/docs/'.length);
    const headers = { 'content-security-policy': policy, 'x-content-type-options': 'nosniff' };
    if (name === '')
      return send(response, 200, page, { 'content-type': 'text/html; charset=utf-8', ...headers });
    if (name === 'page.js')
      return send(response, 200, pageScript, {
        'content-type': 'text/javascript; charset=utf-8',
        ...headers,
      });
    const type = fileTypes[name];
    if (!type) throw invalid('ROUTE_NOT_FOUND', `there is no ${path}; the page is /docs`, { field: 'path' });
    const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
    const cached = { 'cache-control': 'public, max-age=3600' };
    send(response, 200, await readFile(join(folder, name)), { 'content-type': type, ...headers, ...cached });
  }

  async #described(request: IncomingMessage): Promise<OpenApiDocument> {
    const { routes, deployments, explainer, callerOf } = this.#options;
    this.#document ??= openApiDocument(routes, serverVersion);
    if (request.headers.authorization === undefined) return this.#document;
    const caller = await callerOf(request);
    allow(caller, 'read');
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
    return withModels(this.#document, await Promise.all(described));
  }
}
