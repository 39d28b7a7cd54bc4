import { create } from '@bufbuild/protobuf';
import { DeploymentUpdatedSchema, RouteRole } from '@perennial/contracts';
import { expect, test } from 'vitest';
import { choose, replaces, routeBuckets, routingKey, stickyValue } from '../../src/decide/route.js';

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
  keys.filter((key) => choose(deployment(weight), { key })?.served.role === RouteRole.CANARY);

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
  const choice = choose(deployment(0), { key: 'any' });
  expect(choice?.served.version).toBe(1);
  expect(choice?.shadows.map(({ version }) => version)).toEqual([9]);
});

test('nobody serves where there is no champion', () => {
  expect(choose(create(DeploymentUpdatedSchema, {}), { key: 'any' })).toBeUndefined();
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

const variants = (...weights: number[]) =>
  create(DeploymentUpdatedSchema, {
    deployment: 'price',
    routes: weights.map((weight, at) => ({ role: RouteRole.VARIANT, version: at + 1, weight })),
  });
const shareOf = (served: ReturnType<typeof variants>, version: number, count: number) => {
  let own = 0;
  for (let at = 0; at < count; at++) {
    if (choose(served, { key: `key-${at}` })?.served.version === version) own += 1;
  }
  return own / count;
};

test('100,000 keys are split among variants as their weights say, to half a percent', () => {
  const weights = [0.5, 0.3, 0.15, 0.05];
  const served = variants(...weights);
  weights.forEach((weight, at) => {
    expect(Math.abs(shareOf(served, at + 1, 100_000) - weight)).toBeLessThan(0.005);
  });
});

test('a variant has the buckets that the registry dealt out, and its propensity is their share', () => {
  const served = create(DeploymentUpdatedSchema, {
    deployment: 'price',
    routes: [
      { role: RouteRole.CHAMPION, version: 1, weight: 0.7, buckets: [0, 6_000, 9_000, 1_000] },
      { role: RouteRole.VARIANT, version: 2, weight: 0.3, buckets: [6_000, 3_000] },
    ],
  });
  expect(Math.abs(shareOf(served, 1, 100_000) - 0.7)).toBeLessThan(0.005);
  for (const key of keys.slice(0, 50)) {
    const choice = choose(served, { key });
    expect(choice?.propensity).toBe(choice?.served.version === 1 ? 0.7 : 0.3);
  }
  expect(routeBuckets).toBe(10_000);
});

test('a canary and its champion are told with how likely each was', () => {
  for (const key of keys.slice(0, 50)) {
    const choice = choose(deployment(0.25), { key });
    expect(choice?.propensity).toBe(choice?.served.role === RouteRole.CANARY ? 0.25 : 0.75);
  }
});

test('the first rule that fits decides; a rule that sets nothing, or names what is not routed, never does', () => {
  const ruled = create(DeploymentUpdatedSchema, {
    routes: variants(1, 0).routes,
    rules: [
      { version: 2 },
      { header: 'x-group', equals: 'beta', version: 7 },
      { header: 'X-Group', equals: 'beta', version: 2 },
      { header: 'x-group', equals: 'beta', version: 1 },
      { tenant: 'acme', caller: 'batch', version: 2 },
    ],
  });
  const headers = (value: string) => (name: string) => (name === 'x-group' ? value : undefined);
  const version = (asked: Omit<Parameters<typeof choose>[1], 'key'>) =>
    choose(ruled, { key: 'any', ...asked })?.served.version;
  expect(version({})).toBe(1);
  expect(version({ headers: headers('beta') })).toBe(2);
  expect(version({ headers: headers('Beta') })).toBe(1);
  expect(version({ tenant: 'acme', caller: 'batch' })).toBe(2);
  expect(version({ tenant: 'acme', caller: 'other' })).toBe(1);
  expect(choose(ruled, { key: 'any', headers: headers('beta') })?.propensity).toBe(0);
});

test('a sticky value keeps to one version whatever the key; a header goes before a column of that name', () => {
  const half = variants(0.5, 0.5);
  const versions = new Set(
    keys.slice(0, 100).map((key) => choose(half, { key, sticky: 'user-1' })?.served.version),
  );
  expect(versions.size).toBe(1);
  const sticky = create(DeploymentUpdatedSchema, { serve: { stickyBy: 'User' } });
  expect(stickyValue(sticky, (name) => (name === 'user' ? 'a' : undefined), { User: 'b' })).toBe('a');
  expect(stickyValue(sticky, undefined, { User: 0 })).toBe('0');
  expect(stickyValue(sticky, undefined, {})).toBeUndefined();
  expect(stickyValue(half, undefined, { User: 'b' })).toBeUndefined();
});
