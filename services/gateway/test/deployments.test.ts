import { create } from '@bufbuild/protobuf';
import {
  type DeploymentUpdated,
  DeploymentUpdatedSchema,
  RouteRole,
  RouteSchema,
} from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import { waitFor } from '@perennial/testkit';
import { describe, expect, test } from 'vitest';
import { Deployments } from '../src/deployments.js';

const specJson = JSON.stringify({ source: { name: 'meter', time: 'hour', key: [] } });
const deployment = (epoch: bigint, version: number): DeploymentUpdated =>
  create(DeploymentUpdatedSchema, {
    system: 'heat',
    deployment: 'heat',
    epoch,
    specJson,
    routes: [{ role: RouteRole.CHAMPION, version, digest: `sha256:${version}`, weight: 1 }],
  });
const soon = () => performance.now() + 50;

function open(load: (version: number) => Promise<unknown> = async () => undefined, isPoolUp = true) {
  const failures: unknown[] = [];
  const deployments = new Deployments({
    load: (_deployment, { version }) => load(version),
    isPoolUp: () => isPoolUp,
    onSwitch: () => {},
    onLoadFailed: (_deployment, attempt) => failures.push(attempt),
  });
  deployments.caughtUp();
  return { deployments, failures };
}

test('a new epoch takes over only when its models are loaded', async () => {
  let loaded = () => {};
  const second = new Promise<void>((resolve) => {
    loaded = resolve;
  });
  const { deployments } = open((version) => (version === 2 ? second : Promise.resolve()));
  deployments.updated(deployment(1n, 1));
  expect(await deployments.serves('heat', 1n, 1_000)).toBe(true);
  deployments.updated(deployment(2n, 2));
  expect(deployments.switching).toBe(1);
  expect((await deployments.find('heat', soon())).deployment.epoch).toBe(1n);
  expect(await deployments.serves('heat', 2n, 20)).toBe(false);
  loaded();
  expect(await deployments.serves('heat', 2n, 1_000)).toBe(true);
  expect(deployments.switching).toBe(0);
});

test('a model that cannot be loaded is tried again, and an even newer epoch overtakes it', async () => {
  const { deployments, failures } = open(async (version) => {
    if (version === 2) throw new Error('the store is away');
  });
  deployments.updated(deployment(1n, 1));
  deployments.updated(deployment(2n, 2));
  await waitFor('a second try', () => failures.length >= 2);
  expect(deployments.epoch('heat')).toBe(-1n);
  deployments.updated(deployment(3n, 3));
  expect(await deployments.serves('heat', 3n, 1_000)).toBe(true);
});

describe('a version whose file no replica can load', () => {
  const broken = invalid('MODEL_CRASHES', 'it ends whoever tries it');
  const both = (epoch: bigint, second: { role: RouteRole; weight: number }, version = 2) => {
    const one = deployment(epoch, 1);
    one.routes.push(create(RouteSchema, { ...second, version, digest: `sha256:${version}` }));
    return one;
  };
  const variant = { role: RouteRole.VARIANT, weight: 1 };
  const opened = () =>
    open(async (version) => {
      if (version === 2) throw broken;
    });

  test('keeps no other from answering where nothing was served before, nor a later epoch that has it too', async () => {
    const { deployments } = opened();
    deployments.updated(both(1n, variant));
    expect(await deployments.serves('heat', 1n, 1_000)).toBe(true);
    deployments.updated(both(2n, variant));
    expect(await deployments.serves('heat', 2n, 1_000)).toBe(true);
  });

  test('is named to those who ask where nothing else answers, without letting them wait, until one comes that can', async () => {
    const { deployments } = opened();
    deployments.updated(deployment(1n, 2));
    expect(await deployments.serves('heat', 1n, 60_000)).toBe(false);
    expect(deployments.whyNot('heat', 1n)).toContain('version 2');
    await expect(deployments.find('heat', performance.now() + 60_000)).rejects.toMatchObject({
      code: 'SYSTEM_NOT_SERVING',
      message: expect.stringContaining('it ends whoever tries it (MODEL_CRASHES)'),
    });
    deployments.updated(deployment(2n, 1));
    expect(await deployments.serves('heat', 2n, 1_000)).toBe(true);
    expect(deployments.whyNot('heat')).toBeUndefined();
  });

  test('holds up an epoch whose requests it would answer, and none that only mirrors to it', async () => {
    const { deployments, failures } = opened();
    deployments.updated(deployment(1n, 1));
    expect(await deployments.serves('heat', 1n, 1_000)).toBe(true);
    deployments.updated(both(2n, variant));
    await waitFor('a failure', () => failures.length === 1);
    expect(deployments.epoch('heat')).toBe(1n);
    deployments.updated(both(3n, { role: RouteRole.SHADOW, weight: 0 }));
    expect(await deployments.serves('heat', 3n, 1_000)).toBe(true);
  });
});

test('epochs that come again or out of order change nothing', async () => {
  const { deployments } = open();
  deployments.updated(deployment(5n, 2));
  await deployments.serves('heat', 5n, 1_000);
  deployments.updated(deployment(4n, 1));
  deployments.updated(deployment(5n, 1));
  expect(deployments.current('heat')?.deployment.routes[0]?.version).toBe(2);
  expect(deployments.switching).toBe(0);
});

test('a system that nobody applied is not found; one without a model is to come', async () => {
  const { deployments } = open();
  await expect(deployments.find('heat', soon())).rejects.toMatchObject({ code: 'SYSTEM_NOT_FOUND' });
  deployments.systemApplied({ system: 'heat', specJson } as never);
  await expect(deployments.find('heat', soon())).rejects.toMatchObject({
    code: 'SYSTEM_NOT_SERVING',
    retry: 'after',
  });
});

test('a request that comes before the first word about its system waits for it', async () => {
  const deployments = new Deployments({
    load: async () => undefined,
    isPoolUp: () => true,
    onSwitch: () => {},
    onLoadFailed: () => {},
  });
  const found = deployments.find('heat', performance.now() + 5_000);
  deployments.updated(deployment(1n, 1));
  expect((await found).deployment.epoch).toBe(1n);
});

test('a first epoch whose pool has no replica serves at once, so that requests can wait for one', async () => {
  const { deployments, failures } = open(async () => {
    throw new Error('no replica is up');
  }, false);
  deployments.updated(deployment(1n, 1));
  expect(await deployments.serves('heat', 1n, 1_000)).toBe(true);
  deployments.updated(deployment(2n, 2));
  await waitFor('tries of the second one', () => failures.length >= 3);
  expect(deployments.epoch('heat')).toBe(1n);
  expect(deployments.models().map(({ digest }) => digest)).toEqual(['sha256:2', 'sha256:1']);
  deployments.updated(deployment(3n, 3));
});
