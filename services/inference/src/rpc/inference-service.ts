import type { ArtifactStore } from '@perennial/artifacts';
import type { Log } from '@perennial/bus';
import { InferenceService } from '@perennial/contracts';
import { inferenceCodecs, type TensorSpec } from '@perennial/runtime';
import { type Implementation, rpc } from '@perennial/service';
import { digestIn, type Models } from '../models.js';
import { RuntimeLoad } from '../runtime-load.js';
import { type Replica, standingOf } from '../standing.js';
import { loadedModelOf } from './loaded-model.js';
import { serve } from './serve.js';
import { testModel } from './test-model.js';

export interface RpcContext {
  readonly models: Models;
  readonly artifacts: ArtifactStore;
  readonly log: Log;
  readonly replica: Replica;
  readonly stopping: AbortSignal;
  readonly testRuns: number;
}

export function inferenceService(context: RpcContext) {
  const { models, log } = context;
  const answering = { models, log, load: new RuntimeLoad(models.runtime) };
  const methods: Implementation<typeof InferenceService> = {
    serve: (requests, call) => serve(answering, requests, call),
    loadModel: async ({ model, version, digest, signature, pinned, queueRowsMax, preferredBatch }) => {
      const loaded = await models.load(digest, {
        name: model,
        version,
        signature,
        pinned,
        queueRowsMax,
        preferredBatch,
      });
      const { memoryBytes, loadMs, device, costs, inputs, outputs, isRowwise } = loaded;
      return {
        memoryBytes,
        loadMs,
        device,
        costs: [...costs],
        inputs: inputs.map(inputOf),
        outputs: outputs.map(inputOf),
        joinable: isRowwise,
      };
    },
    unloadModel: async ({ digest }) => ({
      unloaded: await models.runtime.unload(digestIn('digest', digest)),
    }),
    testModel: async (request) => {
      const tested = await testModel(context, request);
      const { model, version, digest } = request;
      log.info('model tested', { model, version, digest, ...tested });
      return tested;
    },
    getReplica: () => ({
      ...context.replica,
      ...standingOf(models),
      memoryBudgetBytes: models.runtime.memoryBudgetBytes,
      draining: context.stopping.aborted,
      models: models.runtime.models().map((statistics) => loadedModelOf(models, statistics)),
    }),
  };
  return rpc(InferenceService, methods, { quick: ['serve'], codecs: inferenceCodecs });
}

function inputOf({ name, datatype, shape }: TensorSpec) {
  return { name, datatype, shape: shape.map(BigInt) };
}
