import { create } from '@bufbuild/protobuf';
import { DeploymentUpdatedSchema, RouteRole } from '@perennial/contracts';
import type { Tensor } from '@perennial/runtime';
import { expect, test } from 'vitest';
import { answerTensors } from '../src/answer-tensors.js';
import { ResponseCache } from '../src/cache/response-cache.js';
import { systemSource } from '../src/decide/system-source.js';
import { Deployments } from '../src/deployments.js';
import type { Inference } from '../src/inference.js';
import { gatewayLimits } from '../src/limits.js';
import { Recording } from '../src/recording.js';

const deployment = create(DeploymentUpdatedSchema, {
  system: 'mean',
  deployment: 'mean',
  routes: [{ role: RouteRole.CHAMPION, version: 1, digest: 'd', weight: 1 }],
  // Rows of any length.
  inputs: [{ name: 'x', datatype: 'FP64', shape: [-1n, -1n] }],
});

/** Answers a number for each row. */
const inference: Inference = {
  infer: async (_model, [x]) => {
    const rows = x?.shape[0] ?? 0;
    const outputs: Tensor[] = [
      { name: 'y', datatype: 'FP64', shape: [rows, 1], data: new Float64Array(rows).fill(7) },
    ];
    return { outputs, replica: 'r', queueUs: 0, computeUs: 0, batchId: '', batchRows: rows };
  },
};
const never = async () => {};
const means = {
  deployments: new Deployments({ load: never, isPoolUp: () => true, onSwitch: never, onLoadFailed: never }),
  inference,
  features: async () => [],
  cache: new ResponseCache(),
};

async function ask(shape: [number, number]) {
  const head = { predictionId: 'p', system: 'mean', transport: 'http/v2', receivedAtMs: 0, caller: '' };
  const recording = new Recording(head);
  const x: Tensor = { name: 'x', datatype: 'FP64', shape, data: new Float64Array(shape[0] * shape[1]) };
  const asked = {
    system: 'mean',
    version: '',
    transport: 'http/v2',
    deadlineAt: performance.now() + 10_000,
    body: async () => ({ inputs: [x], outputNames: [], eventTime: undefined }),
  };
  const serving = { deployment, source: systemSource('') };
  await answerTensors(means, serving, asked, await asked.body(), recording);
  return recording;
}

test('rows without elements, which no size of a body bounds, are few', async () => {
  expect((await ask([gatewayLimits.configuredBatchMax, 0])).rowCount).toBe(gatewayLimits.configuredBatchMax);
  await expect(ask([1_000_000_000, 0])).rejects.toMatchObject({
    code: 'TENSOR_SHAPE_INVALID',
    fault: 'caller',
    field: 'x',
  });
});

test('of many rows the first are recorded, and no more values than rows', async () => {
  const { rows, rowCount, said } = await ask([100_000, 1]);
  expect([rows.length, rowCount]).toEqual([gatewayLimits.recordedRowsMax, 100_000]);
  expect(said[0]?.values).toEqual(new Array(gatewayLimits.recordedRowsMax).fill(7));
});
