import { create } from '@bufbuild/protobuf';
import { DeploymentUpdatedSchema, RouteRole } from '@perennial/contracts';
import { expect, test } from 'vitest';
import { choose, replaces, routingKey } from '../../src/decide/route.js';

const deployment = (weight: number, canaryVersion = 2) =>
  create(DeploymentUpdatedSchema, {
    deployment: 'heat',
    system: 'heat',
    epoch: 5n,
    routes: [
      { role: RouteRole.CHAMPION, version: 1, digest: 'a', weight: 1 - weight },
      { role: RouteRole.CANARY, version: canaryVersion, digest: 'b', weight },
      { role: RouteRole.SHADOW, version: 9, digest: 'c', standing: true },
    ],
  });
const keys = Array.from({ length: 4_000 }, (_, at) => `key-${at}`);
const canaries = (weight: number) =>
  keys.filter((key) => choose(deployment(weight), key)?.served.role === RouteRole.CANARY);

test('about the wanted share of keys goes to the canary, the same ones each time', () => {
  const first = canaries(0.25);
  expect(first.length / keys.length).toBeGreaterThan(0.22);
  expect(first.length / keys.length).toBeLessThan(0.28);
  expect(canaries(0.25)).toEqual(first);
});

test('raising the weight takes no key away from the canary', () => {
  const wider = new Set(canaries(0.5));
  expect(canaries(0.25).every((key) => wider.has(key))).toBe(true);
});

test('all or nothing is exact', () => {
  expect(canaries(0)).toHaveLength(0);
  expect(canaries(1)).toHaveLength(keys.length);
});

test('shadows are asked beside and never serve', () => {
  const choice = choose(deployment(0), 'any');
  expect(choice?.served.version).toBe(1);
  expect(choice?.shadows.map(({ version }) => version)).toEqual([9]);
});

test('nobody serves where there is no champion', () => {
  expect(choose(create(DeploymentUpdatedSchema, {}), 'any')).toBeUndefined();
});

test('a row is routed by its key and event time, whatever the order of its columns', () => {
  const eventTimeMs = 1_000;
  expect(routingKey({ eventTimeMs, key: { a: 1, b: 2 }, predictionId: 'x' })).toBe(
    routingKey({ eventTimeMs, key: { b: 2, a: 1 }, predictionId: 'y' }),
  );
  expect(routingKey({ eventTimeMs: undefined, key: {}, predictionId: 'y' })).toBe('y');
});

test('only a later epoch replaces an earlier one', () => {
  const at = (epoch: bigint) => create(DeploymentUpdatedSchema, { epoch });
  expect(replaces(at(2n), at(1n))).toBe(true);
  expect(replaces(at(1n), at(1n))).toBe(false);
  expect(replaces(at(1n), at(2n))).toBe(false);
});
