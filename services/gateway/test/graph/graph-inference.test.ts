import { create } from '@bufbuild/protobuf';
import {
  DeploymentUpdatedSchema,
  ModelGraphSchema,
  type Route,
  RouteRole,
  RouteSchema,
} from '@perennial/contracts';
import type { Tensor } from '@perennial/runtime';
import { expect, it } from 'vitest';
import { Deployments } from '../../src/deployments.js';
import { GraphInference } from '../../src/graph/graph-inference.js';
import type { Inference, ModelAsked } from '../../src/inference.js';

const route = (version: number) =>
  create(RouteSchema, { role: RouteRole.CHAMPION, version, digest: `sha256:${version}`, weight: 1 });

async function served(...names: string[]): Promise<Deployments> {
  const deployments = new Deployments({
    load: async () => {},
    isPoolUp: () => true,
    onSwitch: () => {},
    onLoadFailed: () => {},
  });
  for (const [at, name] of names.entries()) {
    const routes = [route(at + 1)];
    deployments.updated(
      create(DeploymentUpdatedSchema, { system: name, deployment: name, epoch: 1n, pool: 'cpu', routes }),
    );
    await deployments.serves(name, 1n, 1_000);
  }
  return deployments;
}

const graph = create(ModelGraphSchema, {
  steps: ['one', 'two'].map((model) => ({
    name: model,
    model,
    inputs: [{ name: 'x', tensor: 'x' }],
    outputs: [{ name: 'prediction', tensor: model }],
  })),
  outputs: ['one', 'two'],
});
const asked: ModelAsked = {
  name: 'both',
  route: create(RouteSchema, { version: 1, digest: 'sha256:graph', graph }),
  pool: 'cpu',
  serve: undefined,
};
const x: Tensor = { name: 'x', datatype: 'FP64', shape: [1, 1], data: Float64Array.of(3) };

/** Answers with the version that was asked. */
const models: Inference = {
  infer: async ({ route: { version } }) => ({
    outputs: [{ name: 'prediction', datatype: 'FP64', shape: [1, 1], data: Float64Array.of(version) }],
    replica: 'r',
    queueUs: 10,
    computeUs: 100,
    batchId: 'b',
    batchRows: 1,
  }),
};

it('asks each model by its own routes, and says which versions answered', async () => {
  const graphs = new GraphInference(models, await served('one', 'two'));
  const answer = await graphs.infer(asked, [x], { deadlineAt: performance.now() + 1_000 });
  expect(answer.outputs.map(({ name, data }) => [name, data[0]])).toEqual([
    ['one', 1],
    ['two', 2],
  ]);
  expect(answer).toMatchObject({ steps: { one: 1, two: 2 }, computeUs: 200, queueUs: 20, replica: 'graph' });
});

it('is not available while a model of it is retired, and answers again when that is back', async () => {
  const deployments = await served('one', 'two');
  const graphs = new GraphInference(models, deployments);
  const tell = async (epoch: bigint, over: { routes?: Route[]; unloaded?: boolean }) => {
    const head = { system: 'two', deployment: 'two', pool: 'cpu' };
    deployments.updated(create(DeploymentUpdatedSchema, { ...head, epoch, routes: [route(2)], ...over }));
    await deployments.serves('two', epoch, 1_000);
    return graphs.infer(asked, [x], { deadlineAt: performance.now() + 1_000 });
  };
  const away = { code: 'SYSTEM_NOT_SERVING', fault: 'dependency', retry: 'after' };
  await expect(tell(2n, { routes: [] })).rejects.toMatchObject(away);
  expect((await tell(3n, {})).steps).toEqual({ one: 1, two: 2 });
  await expect(tell(4n, { unloaded: true })).rejects.toMatchObject(away);
  expect((await tell(5n, {})).steps).toEqual({ one: 1, two: 2 });
});

it('serves only when every model of it does', async () => {
  const graphs = new GraphInference(models, await served('one'));
  expect(() => graphs.checkServed(graph)).toThrow(/the graph needs 'two', which serves no model/);
  const failing = graphs.infer(asked, [x], { deadlineAt: performance.now() + 1_000 });
  await expect(failing).rejects.toMatchObject({ code: 'SYSTEM_NOT_SERVING', retry: 'after' });
});
