import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type DeploymentUpdated, DeploymentUpdatedSchema } from '@perennial/contracts';
import { digestOf } from '@perennial/kernel';
import { waitFor } from '@perennial/testkit';
import { afterAll, expect, test } from 'vitest';
import { addModel, tinyModel } from '../../../libs/runtime/test/tiny-onnx.js';
import { DeployedModels } from '../src/deployed-models.js';
import { Models } from '../src/models.js';

const doubling = tinyModel({
  inputs: [['x', 'FP64']],
  outputs: [['y', 'FP64']],
  nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
});
const files = [addModel(), doubling];
const [first, second] = files.map(digestOf) as [string, string];
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const models = new Models({
  fetch: async (digest) => files.find((bytes) => digestOf(bytes) === digest) as Uint8Array,
  executors: 1,
  threads: 1,
  memoryBudgetBytes: 1024 ** 3,
});
afterAll(() => models.runtime.close());

type Deployment = Exclude<MessageInitShape<typeof DeploymentUpdatedSchema>, DeploymentUpdated>;
const deployment = (epoch: bigint, digest: string, over: Deployment = {}) =>
  create(DeploymentUpdatedSchema, {
    system: 'heat',
    deployment: 'heat',
    epoch,
    routes: [{ version: Number(epoch), digest }],
    serve: { pinned: true },
    ...over,
  });
const held = () => Object.fromEntries(models.runtime.models().map(({ digest, pinned }) => [digest, pinned]));

test('what is deployed in its pool is loaded and pinned, for as long as it is deployed', async () => {
  const deployed = new DeployedModels({
    models,
    log: log as never,
    stopping: new AbortController().signal,
    pool: 'cpu',
  });
  deployed.updated(deployment(1n, second, { system: 'other', deployment: 'other', pool: 'gpu' }));
  deployed.updated(deployment(1n, first));
  await waitFor('the first', () => held()[first] === true);
  expect(held()).toEqual({ [first]: true });
  deployed.updated(deployment(2n, second));
  await waitFor('the second', () => held()[second] === true);
  expect(held()).toEqual({ [first]: false, [second]: true });
  deployed.updated(deployment(3n, second, { pool: 'gpu' }));
  expect(held()).toEqual({ [first]: false, [second]: false });
});
