import { once } from 'node:events';
import { connect } from 'node:net';
import type { Bus } from '@perennial/bus';
import { RouteRole } from '@perennial/contracts';
import { type NatsForTests, startNats, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { datasetStreams } from '../src/control/datasets.js';
import { featureStreams } from '../src/control/features.js';
import { modelStreams } from '../src/control/models.js';
import { streamRoutes } from '../src/control/server.js';
import { controlRoutes } from '../src/doors.js';
import { checkGraph } from '../src/graph/check-graph.js';
import { readGraph } from '../src/graph/graph-body.js';
import { described } from '../src/openapi/described.js';
import { graphExample } from '../src/openapi/graph-schema.js';
import { frontRoutes } from '../src/openapi/protocol.js';
import type { RequestNeeds } from '../src/requests/needs.js';
import { requestRoutesOf } from '../src/requests/open-requests.js';
import { world } from './peers.js';
import {
  openBus,
  type RunningGateway,
  startGateway,
  tellApplied,
  tellDeployment,
  tokens,
} from './platform.js';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Node = { [key: string]: Json };
interface Document extends Node {
  paths: { [path: string]: { [method: string]: Node } };
  components: { schemas: { [name: string]: Node } };
}

let nats: NatsForTests;
let bus: Bus;
let gateway: RunningGateway;

beforeAll(async () => {
  nats = await startNats();
  bus = await openBus(nats);
  gateway = await startGateway(nats, world());
  await tellApplied(bus, 'heat');
  await tellDeployment(bus, 1n, [{ role: RouteRole.CHAMPION, version: 1 }]);
  await waitFor('the system to be served', async () => (await gateway.ask('/v2/models/heat/ready')).ok);
});

afterAll(async () => {
  await gateway?.stop();
  await bus?.close();
  await nats?.stop();
});

async function documentFor(token: string): Promise<Document> {
  const response = await gateway.ask('/openapi.json', { token });
  expect(response.status).toBe(200);
  return (await response.json()) as Document;
}

/** Routes are data, and nothing of a gateway is used to make them. */
function allRoutes(): string[] {
  const requests = requestRoutesOf({} as RequestNeeds);
  const none = { peers: { operations: new Map() }, deployments: {}, settlement: {}, requests };
  const own = () => ({ service: 'gateway', ready: true, backlog: 0, dead_letters: 0, detail: '' });
  return [
    ...controlRoutes(none as unknown as Parameters<typeof controlRoutes>[0], own),
    ...streamRoutes,
    ...requests.streams,
    ...modelStreams({ deployments: {} } as never, {} as never),
    ...datasetStreams({} as never),
    ...featureStreams({} as never, {} as never),
    ...frontRoutes,
  ].map(({ method, path }) => `${method} ${path}`);
}

function everyNode(json: Json, visit: (node: Node) => void): void {
  if (typeof json !== 'object' || json === null) return;
  if (!Array.isArray(json)) visit(json);
  for (const child of Object.values(json)) everyNode(child, visit);
}

test('every route is in the document, and everything in the document is a route', async () => {
  const { paths } = await documentFor('');
  const told = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  );
  const routes = allRoutes().map((route) => route.replace('::', ':'));
  expect(told.sort()).toEqual(routes.sort());
});

test('no description is of a route that there is not, and none of ours is without one', () => {
  const routes = new Set(allRoutes());
  expect(Object.keys(described).filter((route) => !routes.has(route))).toEqual([]);
});

test.each([
  ['anybody', ''],
  ['who may read', tokens.desk],
])(
  'the document for %s holds together: references lead somewhere, names are used once',
  async (_who, token) => {
    const document = await documentFor(token);
    expect(document['openapi']).toBe('3.1.0');
    const ids: string[] = [];
    everyNode(document, (node) => {
      const reference = node['$ref'];
      if (typeof reference === 'string')
        expect(document.components.schemas).toHaveProperty(reference.replace('#/components/schemas/', ''));
      if (typeof node['operationId'] === 'string') ids.push(node['operationId']);
    });
    expect(new Set(ids).size).toBe(ids.length);
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const operation of Object.values(methods)) {
        const parameters = (operation['parameters'] ?? []) as { name: string; in: string }[];
        const named = parameters.filter((one) => one.in === 'path').map(({ name }) => name);
        expect(named.sort()).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort());
        expect(operation).toHaveProperty('responses.default');
      }
    }
  },
);

test('every example fits the schema beside it', async () => {
  const document = await documentFor(tokens.desk);
  let count = 0;
  everyNode(document, (node) => {
    if (node['example'] === undefined || node['schema'] === undefined) return;
    count += 1;
    expect(misfits(document, node['schema'], node['example'], '')).toEqual([]);
  });
  expect(count).toBeGreaterThan(5);
  // The check itself can fail.
  expect(
    misfits(document, { $ref: '#/components/schemas/PredictRequest' }, { rows: [], x: 1 }, ''),
  ).not.toEqual([]);
});

test('each model has its own request and an example that it answers; only who may read sees them', async () => {
  expect((await documentFor('')).paths).not.toHaveProperty('/v1/systems/heat/predict');
  const { paths } = await documentFor(tokens.desk);
  const { requestBody } = (paths['/v1/systems/heat/predict']?.['post'] ?? {}) as unknown as {
    requestBody: { content: { 'application/json': { schema: Node; example: { rows: Node[] } } } };
  };
  const { schema, example } = requestBody.content['application/json'];
  expect(schema).toMatchObject({
    properties: { rows: { items: { properties: { outside: { type: ['number', 'null'] } } } } },
  });
  expect(example.rows[0]).toEqual({ hour: '2024-01-01T00:00:00Z', outside: 4, yesterday: 7 });
  const answer = await gateway.ask('/v1/systems/heat/predict', {
    method: 'POST',
    body: JSON.stringify(example),
  });
  expect(answer.status).toBe(200);
  const infer = (paths['/v2/models/heat/infer']?.['post'] ?? {}) as unknown as {
    requestBody: { content: { 'application/json': { example: object } } };
  };
  const body = JSON.stringify(infer.requestBody.content['application/json'].example);
  expect((await gateway.ask('/v2/models/heat/infer', { method: 'POST', body })).status).toBe(200);
  expect((await gateway.ask('/openapi.json', { token: 'nobody' })).status).toBe(401);
});

test('the page and all it needs come from here, and nothing else may be loaded', async () => {
  const page = await gateway.ask('/docs', { token: '' });
  expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'.*connect-src 'self'/);
  const html = await page.text();
  const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link as string);
  expect(links.length).toBeGreaterThan(2);
  for (const link of links) {
    expect(link).toMatch(/^\/docs\//);
    const file = await gateway.ask(link, { token: '' });
    expect([file.status, (await file.arrayBuffer()).byteLength > 100]).toEqual([200, true]);
  }
  for (const path of [
    '/docs/package.json',
    '/docs/..%2fpackage.json',
    '/docs/x/../../package.json',
    '/docs/constructor',
    '/docs/__proto__',
  ])
    expect([401, 404]).toContain((await gateway.ask(path, { token: '' })).status);
  expect((await gateway.ask('/docs', { method: 'POST', token: '' })).status).toBe(405);
});

/** Where a value does not fit a schema; as much of JSON Schema as the document uses. */
function misfits(document: Document, schema: Json, value: Json, at: string): string[] {
  const node = schema as Node;
  const again = (one: Json, of: Json = value, where = at) => misfits(document, one, of, where);
  if (typeof node['$ref'] === 'string') {
    const found = document.components.schemas[node['$ref'].replace('#/components/schemas/', '')];
    return found ? again(found) : [`${at}: ${node['$ref']} leads nowhere`];
  }
  const found: string[] = [];
  const oneOf = node['oneOf'] as Json[] | undefined;
  if (oneOf && oneOf.filter((one) => again(one).length === 0).length !== 1)
    found.push(`${at}: fits not one of them`);
  if (node['not'] && again(node['not']).length === 0) found.push(`${at}: fits what it must not`);
  const types = [node['type'] ?? []].flat() as string[];
  if (types.length > 0 && !types.some((type) => isOf(type, value)))
    found.push(`${at}: is no ${types.join(', ')}`);
  const allowed = node['enum'] as Json[] | undefined;
  if (allowed && !allowed.includes(value)) found.push(`${at}: is none of ${allowed.join(', ')}`);
  if (Array.isArray(value)) {
    if (value.length < Number(node['minItems'] ?? 0)) found.push(`${at}: has too few`);
    const { items } = node;
    for (const [index, one] of value.entries())
      if (items) found.push(...again(items, one, `${at}[${index}]`));
  } else if (typeof value === 'object' && value !== null) {
    const properties = (node['properties'] ?? {}) as Node;
    for (const name of (node['required'] ?? []) as string[])
      if (!(name in value)) found.push(`${at}.${name}: is missing`);
    for (const [name, one] of Object.entries(value)) {
      const more = node['additionalProperties'];
      if (properties[name]) found.push(...again(properties[name], one, `${at}.${name}`));
      else if (more === false) found.push(`${at}.${name}: is not known`);
      else if (typeof more === 'object') found.push(...again(more, one, `${at}.${name}`));
    }
  }
  return found;
}

function isOf(type: string, value: Json): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}

test('whoever asks for the page a thousand times and reads nothing of it is not answered from new memory', async () => {
  const path = '/docs/swagger-ui-bundle.js';
  const whole = await (await gateway.ask(path, { token: '' })).arrayBuffer();
  expect(whole.byteLength).toBeGreaterThan(1_000_000);
  expect((await gateway.ask(path, { token: '', method: 'HEAD' })).headers.get('content-length')).toBe(
    String(whole.byteLength),
  );
  const before = process.memoryUsage().arrayBuffers;
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`.repeat(300));
  await once(socket, 'connect');
  // Those before it have been looked up when this one is answered.
  for (let at = 0; at < 3; at++) await (await gateway.ask(path, { token: '' })).arrayBuffer();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100 * 1024 * 1024);
  socket.destroy();
});

test('the example of a graph is one: made of two models, it answers with what the step that joins them makes', () => {
  const { steps, outputs } = readGraph(graphExample);
  const ends = {
    inputs: [{ name: 'x', datatype: 'FP32' as const, shape: [-1, 3] }],
    outputs: [{ name: 'price', datatype: 'FP32' as const, shape: [-1, 1] }],
  };
  const checked = checkGraph(steps, outputs, (model) => (/^price-[ab]$/.test(model) ? ends : undefined));
  expect(checked.outputs.map(({ name }) => name)).toEqual(['price']);
});
