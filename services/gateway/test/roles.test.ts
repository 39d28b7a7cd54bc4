import { type NatsForTests, startNats } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ModelImport } from '../src/control/import-model.js';
import { modelStreams } from '../src/control/models.js';
import { streamRoutes } from '../src/control/server.js';
import { may, type Permission } from '../src/decide/access.js';
import { controlRoutes } from '../src/doors.js';
import type { RequestNeeds } from '../src/requests/needs.js';
import { requestRoutesOf } from '../src/requests/open-requests.js';
import { world } from './peers.js';
import { type RunningGateway, startGateway, tokens } from './platform.js';

/** What every route needs. Whoever adds a route says it here too. */
const expected = {
  predict: [
    'POST /v1/systems/:system/predict',
    'POST /v2/models/:system/infer',
    'POST /v1/systems/:system/requests',
    'GET /v1/requests/:id',
    'DELETE /v1/requests/:id',
    'GET /v1/requests/:id/events',
    'POST /v1/systems/:system/batches',
    'GET /v1/batches/:id',
    'DELETE /v1/batches/:id',
    'GET /v1/batches/:id/events',
    'GET /v1/batches/:id/result',
  ],
  read: [
    'GET /v2',
    'GET /v2/models/:system',
    'GET /v2/models/:system/ready',
    'GET /v1/systems',
    'GET /v1/systems/:system',
    'GET /v1/systems/:system/models',
    'GET /v1/systems/:system/models/:reference',
    'GET /v1/models',
    'GET /v1/models/:model',
    'GET /v1/models/:model/versions/:version',
    'GET /v1/live/:model',
  ],
  publish: ['POST /v1/sources/:source/rows', 'POST /v1/sources/:source/labels', 'POST /v1/labels'],
  operate: [
    'POST /v1/systems',
    'POST /v1/systems/:system/rollback',
    'POST /v1/systems/:system/shadows',
    'DELETE /v1/systems/:system/shadows',
    'POST /v1/systems/:system/retrain',
    'DELETE /v1/systems/:system/rollout',
    'POST /v1/systems/:system/features/export',
    'POST /v1/quarantine/repair',
    'POST /v1/dead-letters/:service/:id',
    'POST /v1/models/:model/versions',
    'PUT /v1/models/:model/serve',
    'DELETE /v1/models/:model',
  ],
  inspect: [
    'GET /v1/systems/:system/watermark',
    'GET /v1/systems/:system/runs',
    'GET /v1/systems/:system/datasets',
    'GET /v1/systems/:system/quality',
    'GET /v1/systems/:system/reports',
    'GET /v1/systems/:system/reviews',
    'GET /v1/models/:model/shadows',
    'GET /v1/sources',
    'GET /v1/sources/:source/schema',
    'GET /v1/producers',
    'GET /v1/quarantine',
    'GET /v1/quarantine/:id',
    'GET /v1/why',
    'GET /v1/lineage',
    'GET /v1/events',
    'GET /v1/status',
    'GET /v1/dead-letters',
  ],
  approve: [
    'POST /v1/systems/:system/promote',
    'POST /v1/systems/:system/resume',
    'PUT /v1/models/:model/routes',
  ],
  administer: ['POST /v1/producers'],
  audit: [
    'GET /v1/audit/verify',
    'GET /v1/audit/checkpoint',
    'GET /v1/audit/proof/:eventId',
    'GET /v1/audit/events',
  ],
} satisfies Partial<Record<Permission, string[]>>;
const everyRoute = Object.entries(expected).flatMap(([needs, routes]) =>
  routes.map((route) => ({ needs: needs as Permission, route })),
);
/** What `http/front.ts` answers before the control plane. */
const isInFront = (route: string) => route.endsWith('/predict') || route.includes(' /v2');

let nats: NatsForTests;
let gateway: RunningGateway;

beforeAll(async () => {
  nats = await startNats();
  gateway = await startGateway(nats, world());
});

afterAll(async () => {
  await gateway?.stop();
  await nats?.stop();
});

/** The status for a request that gets no further than its body, where it gets so far. */
async function statusFor(route: string, token: string): Promise<number> {
  const [method = '', path = ''] = route.split(' ');
  const body = method === 'GET' ? {} : { body: JSON.stringify({ nobody_knows_this: 1 }) };
  const response = await gateway.ask(path.replace(':reference', '1').replaceAll(/:\w+/g, 'heat'), {
    method,
    token,
    ...body,
  });
  await response.arrayBuffer();
  return response.status;
}

test('every route of the gateway has here what it needs', () => {
  // Routes are data, and nothing of a gateway is used to make them.
  const requests = requestRoutesOf({} as RequestNeeds);
  const none = {
    peers: { operations: new Map() },
    deployments: {},
    settlement: {},
    requests,
  } as unknown as Parameters<typeof controlRoutes>[0];
  const own = () => ({ service: 'gateway', ready: true, backlog: 0, dead_letters: 0, detail: '' });
  const models = modelStreams({} as Parameters<typeof modelStreams>[0], {} as ModelImport);
  const routes = [...controlRoutes(none, own), ...streamRoutes, ...requests.streams, ...models].map(
    ({ method, path, needs }) => `${method} ${path} ${needs}`,
  );
  const all = everyRoute.filter(({ route }) => !isInFront(route));
  expect(routes.sort()).toEqual(all.map(({ route, needs }) => `${route} ${needs}`).sort());
});

test.each(everyRoute)('$route needs $needs', async ({ route, needs }) => {
  expect(await statusFor(route, '')).toBe(401);
  const asClient = await statusFor(route, tokens.desk);
  if (may('client', needs)) expect([401, 403]).not.toContain(asClient);
  else expect(asClient).toBe(403);
  expect([401, 403]).not.toContain(await statusFor(route, tokens.root));
});
