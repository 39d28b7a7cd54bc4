import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Bus } from '@perennial/bus';
import { oip, PredictionRequestService, TrainerService } from '@perennial/contracts';
import { digestOf, notFound } from '@perennial/kernel';
import { createClient } from '@perennial/service';
import { type NatsForTests, startNats, tempDir, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newSecret } from '../../src/access/new-key.js';
import { may, type Permission, type Role, roles } from '../../src/decide/access.js';
import { grpcCalls } from '../../src/decide/protocol-access.js';
import { world } from '../peers.js';
import { openBus, type RunningGateway, startGateway, tellDeployment, tellKey } from '../platform.js';

/** API1 (object level), API2 (authentication) and API5 (function level) of OWASP's list for APIs, for every route. */

interface Route {
  readonly method: string;
  readonly path: string;
  /** Undefined: answered to anybody. */
  readonly needs: Permission | undefined;
}

const day = 86_400_000;
let nats: NatsForTests;
let bus: Bus;
let gateway: RunningGateway;
/** Every route of the running gateway, as it says itself. */
let routes: Route[];
/** Who nobody knows: no token, a wrong one, another tenant's, one that ended, one that was revoked. */
let strangers: Record<string, string>;
/** An administrator whose scope is elsewhere. */
let scoped: string;

const tokenOf = (name: string) => `token-of-${name}`;

beforeAll(async () => {
  nats = await startNats();
  bus = await openBus(nats);
  const file = join(tempDir('tokens'), 'tokens.json');
  const entry = (name: string, role: Role, tenant = 'default') => {
    return { name, role, tenant, sha256: digestOf(tokenOf(name)).slice('sha256:'.length) };
  };
  const tokens = [...roles.map((role) => entry(role, role)), entry('foreigner', 'admin', 'other')];
  writeFileSync(file, JSON.stringify({ tokens }));
  const state = world();
  const none = () => {
    throw notFound('SUBMISSION_NOT_FOUND', 'there is none');
  };
  state.real = [
    { service: TrainerService, implementation: { listRuns: () => ({}) } },
    { service: PredictionRequestService, implementation: { getSubmission: none } },
  ];
  gateway = await startGateway(nats, state, { PERENNIAL_TOKENS_FILE: file });
  strangers = {
    nobody: '',
    'a wrong token': 'wrong',
    "another tenant's administrator": tokenOf('foreigner'),
    'a key that ended': await tell('00000000000000e0', { expiresAt: timestampFromMs(Date.now() - 1_000) }),
    'a key that was revoked': await tell('00000000000000e1', { revoked: true }),
    'a key that was never made': newSecret('00000000000000e2').text,
  };
  scoped = await tell('00000000000000e3', { scope: { systems: ['elsewhere'], sources: ['elsewhere'] } });
  await tellDeployment(bus, 1n);
  await waitFor('the keys and the system', async () => {
    const [key, model] = await Promise.all([
      gateway.ask('/v2', { token: scoped }),
      gateway.ask('/v2/models/heat/ready', { token: tokenOf('admin') }),
    ]);
    return key.ok && model.ok;
  });
  routes = await everyRoute();
});

afterAll(async () => {
  await gateway?.stop();
  await bus?.close();
  await nats?.stop();
});

/** An administrator's key, but for what is said. */
async function tell(keyId: string, more: object): Promise<string> {
  const { text, sha256 } = newSecret(keyId);
  await tellKey(bus, {
    keyId,
    epoch: 1n,
    name: `key-${keyId}`,
    role: 'admin',
    secrets: [{ sha256 }],
    expiresAt: timestampFromMs(Date.now() + day),
    ...more,
  });
  return text;
}

/** Out of the gateway's own document, which is made of the routes that it registers. */
async function everyRoute(): Promise<Route[]> {
  const response = await gateway.ask('/openapi.json', { token: tokenOf('admin') });
  const document = (await response.json()) as {
    paths: Record<string, Record<string, { description?: string; security?: unknown[] }>>;
  };
  return Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { description = '', security }]) => {
      const needs = /permission to (\w+)/.exec(description)?.[1] as Permission | undefined;
      if (!needs && security?.length !== 0) throw new Error(`${method} ${path} does not say what it needs`);
      return { method: method.toUpperCase(), path, needs };
    }),
  );
}

/** The status for a request that gets no further than its body, where it gets so far. */
async function statusFor({ method, path }: Pick<Route, 'method' | 'path'>, token: string): Promise<number> {
  const body = method === 'GET' ? {} : { body: JSON.stringify({ nobody_knows_this: 1 }) };
  const named = path
    .replace('{reference}', '1')
    .replace('{version}', '1')
    .replaceAll(/\{\w+\}/g, 'heat');
  const response = await gateway.ask(named, { method, token, ...body });
  await response.arrayBuffer();
  return response.status;
}

/** Routes for which a caller gets another answer than is right, so that one look shows all of them. */
async function wrong(token: string, isRight: (status: number, route: Route) => boolean): Promise<string[]> {
  const found: string[] = [];
  for (const route of routes) {
    const status = await statusFor(route, token);
    if (!isRight(status, route)) found.push(`${route.method} ${route.path} (${route.needs}): ${status}`);
  }
  return found;
}

const isLetIn = (status: number) => status !== 401 && status !== 403;

test('the walk goes over all of the control plane and of the protocol', () => {
  const names = routes.map(({ method, path }) => `${method} ${path}`);
  for (const name of [
    'POST /v1/systems/{system}/predict',
    'POST /v2/models/{model}/infer',
    'POST /v2/repository/models/{model}/unload',
    'POST /v1/keys',
    'DELETE /v1/keys/{id}',
    'POST /v1/sources/{source}/rows',
    'GET /v1/events',
    'POST /v1/labels',
  ]) {
    expect(names).toContain(name);
  }
  expect(names.length).toBeGreaterThan(70);
});

test('nothing but health and the description of the API is open', () => {
  const open = routes
    .filter(({ needs }) => needs === undefined)
    .map(({ method, path }) => `${method} ${path}`);
  expect(open.sort()).toEqual(['GET /v2/health/live', 'GET /v2/health/ready']);
});

test('what changes something needs more than to look', () => {
  const looks: readonly (Permission | undefined)[] = ['read', 'inspect', 'audit', undefined];
  const weak = routes.filter(({ method, needs }) => method !== 'GET' && looks.includes(needs));
  // They ask with a body, and change nothing.
  const asking = ['/v1/sources/{source}/check', '/v2/repository/index', '/v2/repository/{repository}/index'];
  expect(weak.map(({ path }) => path).sort()).toEqual(asking);
});

test('who nobody knows gets 401 from every route, whether what it names exists or not', async () => {
  for (const [who, token] of Object.entries(strangers)) {
    const let_in = await wrong(token, (status, { needs }) => (needs ? status === 401 : isLetIn(status)));
    expect(let_in, who).toEqual([]);
  }
});

test.each(roles)('the role %s gets what its permissions say and 403 from everything else', async (role) => {
  const unlike = await wrong(tokenOf(role), (status, { needs }) =>
    needs === undefined || may(role, needs) ? isLetIn(status) : status === 403,
  );
  expect(unlike).toEqual([]);
});

test('an administrator whose scope is elsewhere gets nothing about other systems and sources', async () => {
  // These look after the scope themselves: nothing of others is in their answers.
  const own = /^\/v2\/?$|^\/v1\/(labels|requests|batches)/;
  const unlike = await wrong(scoped, (status, { path, needs }) => {
    if (needs === undefined) return isLetIn(status);
    return own.test(path) ? path.startsWith('/v2') || status >= 400 : status === 403;
  });
  expect(unlike).toEqual([]);
});

test.each([
  '/',
  '/v1',
  '/v1/nothing',
  '/v2/nothing',
  '/v2/health',
  '/v2/health/live/',
  '/v2/models/heat/generate',
  '/v1/keys/',
  '//v1/keys',
  '/V1/keys',
  '/v1/./keys',
  '/v1/%6beys',
  '/v2/health/live/../../models',
  '/v1/keys?x=/v2/health/live',
  '/v2%2fhealth%2flive',
])('%s is closed to who nobody knows', async (path) => {
  for (const method of ['GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD', 'OPTIONS']) {
    // fetch() would tidy the path before it is sent.
    expect(await rawStatus(method, path), method).toBe(401);
  }
});

async function rawStatus(method: string, path: string): Promise<number> {
  const { request } = await import('node:http');
  const { hostname, port } = new URL(gateway.url);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, method, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

type Method = (typeof oip.GRPCInferenceService.methods)[number];

/** The code of the error of a call that says little, or OK. */
async function codeOf(method: Method, token: string): Promise<string> {
  const metadata: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const client = createClient(oip.GRPCInferenceService, gateway.grpcAddress, { metadata });
  const message = { name: 'heat', modelName: 'heat' };
  const call = client[method.localName as keyof typeof client] as (given: unknown) => Promise<unknown>;
  try {
    if (method.methodKind !== 'bidi_streaming') {
      await call(message);
      return 'OK';
    }
    const requests = (async function* () {
      yield message;
    })();
    for await (const _ of call(requests) as unknown as AsyncIterable<unknown>) return 'OK';
    return 'OK';
  } catch (thrown) {
    return (thrown as { code: string }).code;
  } finally {
    client.close();
  }
}

test.each(oip.GRPCInferenceService.methods)('gRPC $name lets in whom its rule lets in', async (method) => {
  const { needs } = grpcCalls[method.localName as keyof typeof grpcCalls];
  const refusals = ['UNAUTHENTICATED', 'FORBIDDEN'];
  for (const token of Object.values(strangers)) {
    const code = await codeOf(method, token);
    if (needs === undefined) expect(code).toBe('OK');
    else expect(code).toBe('UNAUTHENTICATED');
  }
  for (const role of roles) {
    const code = await codeOf(method, tokenOf(role));
    if (needs === undefined || may(role, needs)) expect(refusals, role).not.toContain(code);
    else expect(code, role).toBe('FORBIDDEN');
  }
  const isAboutNothing = needs === undefined || method.localName === 'serverMetadata';
  expect(await codeOf(method, scoped)).toBe(isAboutNothing ? 'OK' : 'FORBIDDEN');
});
