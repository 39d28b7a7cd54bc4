import type { IncomingMessage, ServerResponse } from 'node:http';
import { SegmentKind } from '@perennial/contracts';
import { asPlatformError, invalid, notFound } from '@perennial/kernel';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { allowRoute, type Caller } from '../decide/access.js';
import type { EventFeed } from '../effects/event-feed.js';
import type { Peers } from '../effects/peers.js';
import { headersOf, problemDocument, sendProblem } from '../http/answer.js';
import { readBody } from '../http/read-body.js';
import { gatewayLimits } from '../limits.js';
import { checkQuery } from './check-query.js';
import { streamEvents } from './event-stream.js';
import { Followers } from './followers.js';
import { type Knowing, OpenStreams } from './open-streams.js';
import {
  Answered,
  type ControlRequest,
  type ControlRoute,
  checkName,
  pathOfRouter,
  routerPath,
  type StreamRoute,
} from './route.js';
import { publishArrivals } from './rows.js';

export interface ControlOptions {
  readonly routes: readonly ControlRoute[];
  readonly streams: readonly StreamRoute[];
  readonly peers: Peers;
  readonly feed: EventFeed;
  /** Who a request comes from is asked again while it goes on. */
  readonly knowing: Knowing;
  /** Aborted when the gateway stops: waiting requests answer then. */
  readonly stopping: AbortSignal;
  readonly onError: (error: unknown, path: string) => void;
}

type Guard = Pick<ControlRoute, 'needs' | 'checksScope'>;

declare module 'fastify' {
  interface FastifyContextConfig {
    guard?: Guard;
  }
}

/** Answers a request of somebody who is known. */
export type ControlHandler = (request: IncomingMessage, response: ServerResponse, caller: Caller) => void;

/** Parts of a path that stand for a thing with a name; an id is bounded in length alone. */
const namedParams = new Set(['system', 'source', 'service']);
const idLengthMax = 128;

/** The control plane: every route under /v1 but predictions. */
export async function controlHandler(options: ControlOptions): Promise<ControlHandler> {
  const callers = new WeakMap<IncomingMessage, Caller>();
  const open = new OpenStreams(options.knowing, options.stopping);
  const app = fastify({
    routerOptions: { maxParamLength: idLengthMax * 3 },
    return503OnClosing: false,
  });
  app.setErrorHandler((thrown, request, reply) => {
    const error = platformErrorOf(thrown);
    if (error.fault === 'us') options.onError(error, request.url);
    return sendError(reply, error);
  });
  app.setNotFoundHandler((request) => {
    throw notFound(
      'ROUTE_NOT_FOUND',
      `there is no ${request.method} ${request.url.split('?')[0]}; /docs shows the routes that there are`,
    );
  });
  const callerOf = (request: FastifyRequest): Caller => {
    const caller = callers.get(request.raw);
    if (!caller) throw new Error('a request reached the control plane without a caller');
    return caller;
  };
  // Before a body is read. What was registered without saying what it needs answers nobody.
  app.addHook('onRequest', async (request) => {
    if (request.is404) return;
    const { guard } = request.routeOptions.config;
    if (!guard) throw new Error(`${request.url} does not say what it needs`);
    allowRoute(callerOf(request), guard, request.params as Record<string, string>);
    const { method, url = '' } = request.routeOptions;
    checkQuery(String(method), pathOfRouter(url), request.query as Record<string, unknown>);
  });
  const contextOf = (request: FastifyRequest, reply: FastifyReply): Omit<ControlRequest, 'text'> => {
    const caller = callerOf(request);
    const controller = new AbortController();
    open.add(controller, request.raw);
    reply.raw.once('close', () => {
      open.remove(controller);
      controller.abort();
    });
    const header = (name: string) => textOf(request.headers[name]);
    return { caller, ...partsOf(request), header, signal: controller.signal };
  };
  // The body's form is the route's business: JSON mostly, and one system.yaml.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', async (_request: FastifyRequest, body: IncomingMessage) => {
    const deadlineAt = performance.now() + gatewayLimits.controlBodyTimeoutMs;
    return (await readBody(body, gatewayLimits.controlBodyBytesMax, deadlineAt)).toString('utf8');
  });
  for (const { answer, ...route } of options.routes) {
    app.route({
      ...registered(route),
      handler: async (request, reply) => {
        const context = contextOf(request, reply);
        const text = typeof request.body === 'string' ? request.body : '';
        return sendAnswer(reply, await answer({ ...context, text }));
      },
    });
  }
  openStreams(app, options, contextOf);
  await app.ready();
  return (request, response, caller) => {
    callers.set(request, caller);
    app.routing(request, response);
  };
}

function sendAnswer(reply: FastifyReply, answered: unknown): FastifyReply {
  const { status, body, headers } = answered instanceof Answered ? answered : new Answered(200, answered);
  return reply
    .code(status)
    .headers({ 'content-type': 'application/json', ...headers })
    .send(JSON.stringify(body));
}

/** A route as the framework takes it, with what it needs beside it. */
function registered({ method, path, ...guard }: Omit<ControlRoute, 'answer'>) {
  return { method, url: routerPath(path), config: { guard } };
}

/** Whose producer the rows may name is `publishArrivals`'s business. */
const arrivalRoutes = [
  { method: 'POST', path: '/v1/sources/:source/rows', needs: 'publish', kind: SegmentKind.ROWS },
  { method: 'POST', path: '/v1/sources/:source/labels', needs: 'publish', kind: SegmentKind.LABELS },
] as const;
const eventsRoute = { method: 'GET', path: '/v1/events', needs: 'inspect' } as const;

/** Routes whose bodies or answers are streams. */
export const streamRoutes = [...arrivalRoutes, eventsRoute] as const;

function openStreams(
  app: FastifyInstance,
  { peers, feed, streams, onError }: ControlOptions,
  contextOf: (request: FastifyRequest, reply: FastifyReply) => Omit<ControlRequest, 'text'>,
): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    for (const { kind, ...route } of arrivalRoutes) {
      scope.route({
        ...registered(route),
        handler: async (request, reply) => {
          const context = contextOf(request, reply);
          const answer = await publishArrivals(peers.ingest, kind, context, request.raw);
          reply.header('content-type', 'application/json');
          return JSON.stringify(answer);
        },
      });
    }
    const followers = new Followers();
    for (const { serve, follows, ...route } of [...streams, eventsOf(feed, peers)]) {
      scope.route({
        ...registered(route),
        handler: async (request, reply) => {
          const context = contextOf(request, reply);
          reply.hijack();
          let end: (() => void) | undefined;
          try {
            if (follows?.(context.query)) end = followers.begin(context.caller);
            await serve(context, request.raw, reply.raw);
          } catch (thrown) {
            if (asPlatformError(thrown).fault === 'us') onError(thrown, request.url);
            sendProblem(reply.raw, thrown);
          } finally {
            end?.();
          }
        },
      });
    }
  });
}

function eventsOf(feed: EventFeed, { audit }: Peers): StreamRoute {
  return {
    ...eventsRoute,
    follows: ({ follow }) => follow === 'true',
    serve: (context, _request, response) => streamEvents({ feed, audit }, context, response),
  };
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

function partsOf(request: FastifyRequest): Pick<ControlRequest, 'params' | 'query'> {
  const params = request.params as Record<string, string>;
  for (const [name, value] of Object.entries(params)) {
    if (namedParams.has(name)) checkName(name, value);
    else if (value.length > idLengthMax)
      throw invalid('NAME_INVALID', `${name} must have at most ${idLengthMax} characters`, { field: name });
  }
  const query: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(request.query as Record<string, unknown>)) {
    query[name] = Array.isArray(value) ? String(value.at(-1)) : String(value);
  }
  return { params, query };
}

function sendError(reply: FastifyReply, thrown: unknown): FastifyReply {
  const { error, status, body } = problemDocument(thrown);
  return reply
    .code(status)
    .headers({ 'content-type': 'application/problem+json', ...headersOf(error, status) })
    .send(body);
}

/** Fastify's own refusals, such as a broken path, are the caller's. */
function platformErrorOf(thrown: unknown) {
  const { statusCode, message } = thrown as { statusCode?: number; message?: string };
  const error = asPlatformError(thrown);
  if (error.code !== 'INTERNAL' || statusCode === undefined || statusCode >= 500) return error;
  return invalid('REQUEST_INVALID', message ?? 'the request is malformed', { cause: thrown });
}
